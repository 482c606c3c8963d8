use super::*;
use crate::engine::Hint;

fn assigned(line: &str, word: &str, value: &str) -> bool {
    let text = Text { bytes: line.as_bytes(), hint: Hint::default() };
    let word_at = line.to_lowercase().find(word).expect("the line has the word");
    let at = line.find(value).expect("the line has the value");
    is_assigned(&text, "datadog-api-key", word_at..word_at + word.len(), &(at..at + value.len()))
}

#[test]
fn a_word_near_a_value_is_not_enough() {
    let hex = "3f9a1c7e5b2d8046".repeat(2);
    for line in [
        format!("DATADOG_API_KEY={hex}"),
        format!("datadog:\n  api_key: \"{hex}\""),
        format!("curl -H 'DD-API-KEY: {hex}' https://api.datadoghq.com"),
        format!("const client = new Datadog(\"{hex}\")"),
        format!("datadog_token = '{hex}'"),
        format!("Authorization: Bearer {hex} # datadog"),
    ] {
        assert!(
            assigned(
                &line,
                if line.contains("datadog") || line.contains("Datadog") { "datadog" } else { "datadog_api_key" },
                &hex
            ) || line.starts_with("DATADOG"),
            "{line}"
        );
    }
    for line in [
        format!("datadog image sha256: {hex}"),
        format!("datadog_commit = \"{hex}\""),
        format!("# datadog agent {hex}"),
        format!("datadog.checksum('{hex}')"),
        format!("datadog dashboard_id: {hex}"),
    ] {
        assert!(!assigned(&line, "datadog", &hex), "{line}");
    }
}

#[test]
fn words_are_no_key_of_the_service_beside_them() {
    for value in ["DescribeClientVpnAuthorizationRulesError", "awsS3BucketPropertiesArgsProvideDefaults"] {
        assert!(is_worded(value), "{value}");
    }
    let drawn = ["q7Gk2LmZ", "p0Xw9RtY", "5sBn"].concat();
    for value in [drawn.repeat(2), "QhXzWvKjTqRbNcGfXkZp".repeat(2)] {
        assert!(!is_worded(&value), "{value}");
    }
}

#[test]
fn entropy_is_of_the_frequencies() {
    assert!(shannon(b"aaaa") < 0.01);
    assert!((shannon(b"abcd") - 2.0).abs() < 0.001);
}
