//! Forms in which an environment leaves. Each is written so that its reader reads back exactly the
//! value, or the export is refused and the name at fault is said.

use data_encoding::BASE64;
use keyward_client::{Disclosed, Failure, Result, Where};
use zeroize::Zeroizing;

use crate::commands::export::Format;

/// The text in this form.
///
/// # Errors
/// The name that the form cannot carry; never the value.
pub(crate) fn write(format: Format, at: &Where, values: &[Disclosed]) -> Result<Zeroizing<String>> {
    let text = match format {
        Format::Dotenv => dotenv(values)?,
        Format::Json => json(values)?,
        Format::Yaml => lines(values, |name, value| Ok(format!("{}: {}\n", quoted(name), quoted(value))))?,
        Format::Shell => lines(values, shell)?,
        Format::Docker => lines(values, docker)?,
        Format::K8s => k8s(at, values)?,
        Format::GithubActions => lines(values, github_actions)?,
    };
    Ok(Zeroizing::new(text))
}

fn refused(name: &str, why: &str) -> Failure {
    Failure::usage(format!("`{name}` cannot be exported in this form: {why}"))
        .hint("another `--format` may carry it, `keyward run` carries every value; `--only` leaves names out")
}

fn text_of(value: &Disclosed) -> Result<(&str, &str)> {
    let name = value.name.as_str();
    let text = std::str::from_utf8(value.value.expose()).map_err(|_| refused(name, "it is not UTF-8 text"))?;
    Ok((name, text))
}

fn lines(values: &[Disclosed], line: impl Fn(&str, &str) -> Result<String>) -> Result<String> {
    values.iter().map(|value| text_of(value).and_then(|(name, value)| line(name, value))).collect()
}

fn dotenv(values: &[Disclosed]) -> Result<String> {
    let pairs = values.iter().map(text_of).collect::<Result<Vec<_>>>()?;
    keyward_dotenv::write(&pairs).map_err(|unwritable| refused(&unwritable.name, &unwritable.cause.to_string()))
}

fn json(values: &[Disclosed]) -> Result<String> {
    let pairs = values.iter().map(|value| text_of(value).map(|(name, value)| (name.to_owned(), value.into())));
    let object = pairs.collect::<Result<serde_json::Map<_, serde_json::Value>>>()?;
    Ok(serde_json::to_string_pretty(&object).map_err(|error| Failure::internal(error.to_string()))? + "\n")
}

/// A JSON string, which is a YAML 1.2 double-quoted scalar too.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    // YAML takes these for line breaks, or does not take them at all, unless they are escaped.
    json.chars()
        .map(|c| match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => format!("\\u{:04x}", c as u32),
            c => c.to_string(),
        })
        .collect()
}

/// A name that a shell and every system takes as a variable.
fn variable(name: &str) -> Result<&str> {
    let fits = name.parse::<keyward_types::SecretName>().is_ok_and(|name| name.is_variable());
    if fits { Ok(name) } else { Err(refused(name, "the name is no variable's name")) }
}

fn shell(name: &str, value: &str) -> Result<String> {
    if value.contains('\0') {
        return Err(refused(name, "a shell holds no NUL"));
    }
    Ok(format!("export {}='{}'\n", variable(name)?, value.replace('\'', r"'\''")))
}

/// docker's --env-file takes everything after the `=` as it is: no quotes, no escapes, one line.
fn docker(name: &str, value: &str) -> Result<String> {
    if value.contains(['\n', '\r', '\0']) {
        return Err(refused(name, "an env-file has one line a value"));
    }
    if value.trim() != value {
        return Err(refused(name, "an env-file may lose the blanks at its ends"));
    }
    Ok(format!("{}={value}\n", variable(name)?))
}

/// The delimiter is derived from the value, so that no value can end its own block.
fn github_actions(name: &str, value: &str) -> Result<String> {
    if value.contains('\0') {
        return Err(refused(name, "a variable holds no NUL"));
    }
    let name = variable(name)?;
    if name.starts_with("GITHUB_") || name.starts_with("RUNNER_") || name == "NODE_OPTIONS" || name == "CI" {
        return Err(refused(name, "GitHub does not let a step set it"));
    }
    let mut delimiter = String::from("KEYWARD_END");
    while value.contains(&delimiter) {
        delimiter.push('_');
    }
    Ok(format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"))
}

fn k8s(at: &Where, values: &[Disclosed]) -> Result<String> {
    let name: String = format!("{}-{}", at.project, at.environment)
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' })
        .take(253)
        .collect();
    let mut text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {}\ntype: Opaque\ndata:\n",
        quoted(name.trim_matches('-'))
    );
    for value in values {
        let key = value.name.as_str();
        if key.contains('/') {
            return Err(refused(key, "a key of a Kubernetes Secret has no `/`"));
        }
        text.push_str(&format!("  {}: {}\n", quoted(key), BASE64.encode(value.value.expose())));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyward_client::Bytes;
    use keyward_types::{Kind, Version};

    fn value(name: &str, value: &str) -> Disclosed {
        Disclosed {
            name: name.parse().unwrap(),
            value: Bytes::new(value.as_bytes().to_vec()),
            version: Version::FIRST,
            kind: Kind::ApiKey,
            bits: 0,
            environment: "development".parse().unwrap(),
            as_file: false,
            holding: None,
            offline_until: None,
        }
    }

    fn at() -> Where {
        Where { project: "My_Shop".parse().unwrap(), environment: "production".parse().unwrap() }
    }

    fn written(format: Format, text: &str) -> Result<String> {
        write(format, &at(), &[value("NAME", text)]).map(|text| text.to_string())
    }

    #[test]
    fn a_shell_reads_back_what_was_written() {
        for text in ["plain", "it's", "a\nb", "$(id) `id` \\ \"x\"", "", "ünï"] {
            let script = format!("{}printf %s \"$NAME\"", written(Format::Shell, text).unwrap());
            let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }

    #[test]
    fn what_a_form_cannot_carry_is_refused_by_name() {
        for (format, text) in
            [(Format::Docker, "a\nb"), (Format::Docker, " a"), (Format::Shell, "\0"), (Format::GithubActions, "\0")]
        {
            let failure = written(format, text).unwrap_err();
            assert!(failure.message.contains("`NAME`"), "{failure}");
        }
        assert!(write(Format::Shell, &at(), &[value("db/main", "x")]).is_err());
        assert!(write(Format::GithubActions, &at(), &[value("GITHUB_TOKEN", "x")]).is_err());
    }

    #[test]
    fn json_and_yaml_agree() {
        let text = "a \"quoted\" \\ line\nand\ttab \u{85}\u{2028}";
        let json: serde_json::Value = serde_json::from_str(&written(Format::Json, text).unwrap()).unwrap();
        assert_eq!(json["NAME"], text);
        let yaml = written(Format::Yaml, text).unwrap();
        let (name, value) = yaml.trim_end().split_once(": ").unwrap();
        assert_eq!(serde_json::from_str::<String>(name).unwrap(), "NAME");
        assert_eq!(serde_json::from_str::<String>(value).unwrap(), text);
    }

    #[test]
    fn no_value_ends_its_own_block() {
        let text = written(Format::GithubActions, "x\nKEYWARD_END\nEVIL=1").unwrap();
        assert!(text.starts_with("NAME<<KEYWARD_END_\n") && text.ends_with("\nKEYWARD_END_\n"));
        assert!(written(Format::K8s, "v").unwrap().contains("name: \"my-shop-production\""));
    }
}
