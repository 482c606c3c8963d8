use keyward_providers::Detector;
use keyward_types::{Random, RandomError, Secret};

/// A key that nobody has, of the same form: the beginning and what stands in every such key are
/// kept, every other letter and digit is drawn anew among its like.
pub(super) fn made_up(
    value: &Secret<String>,
    form: &Detector,
    random: &dyn Random,
) -> Result<Secret<String>, RandomError> {
    let value = value.expose();
    let kept = kept(value, form);
    let mut chance = vec![0_u8; value.len()];
    random.fill(&mut chance)?;
    let draw = |(at, c): (usize, char)| match (kept.iter().any(|range| range.contains(&at)), c) {
        (false, '0'..='9') => char::from(b'0' + chance[at] % 10),
        (false, 'a'..='f') if is_hex(value) => char::from(b'a' + chance[at] % 6),
        (false, 'a'..='z') => char::from(b'a' + chance[at] % 26),
        (false, 'A'..='Z') => char::from(b'A' + chance[at] % 26),
        _ => c,
    };
    Ok(Secret::new("a made-up key", value.char_indices().map(draw).collect()))
}

fn kept(value: &str, form: &Detector) -> Vec<std::ops::Range<usize>> {
    let beginning = form.prefixes.iter().filter(|prefix| value.starts_with(**prefix)).map(|prefix| prefix.len()).max();
    let anchors =
        form.anchors.iter().flat_map(|anchor| value.match_indices(anchor).map(|(at, _)| at..at + anchor.len()));
    std::iter::once(0..beginning.unwrap_or(0)).chain(anchors).collect()
}

fn is_hex(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte) || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyward_providers::provider;

    struct Sevens;
    impl Random for Sevens {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            bytes.fill(7);
            Ok(())
        }
    }

    #[test]
    fn it_has_the_form_and_nothing_of_the_value() {
        let form = provider("openai").unwrap().detect.iter().find(|one| one.id == "openai-project-key").unwrap();
        let value =
            Secret::new("k", format!("sk-proj-{}T3BlbkFJ{}", "aB3_".repeat(18) + "xy", "Z9-q".repeat(18) + "xy"));
        let fake = made_up(&value, form, &Sevens).unwrap();
        assert!(form.matches(fake.expose()) && form.matches(value.expose()));
        assert!(fake.expose().starts_with("sk-proj-") && fake.expose().contains("T3BlbkFJ"));
        assert!(!fake.expose().contains("aB3_") && !fake.expose().contains("Z9-q"));
    }
}
