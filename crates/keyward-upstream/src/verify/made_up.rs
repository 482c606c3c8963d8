use super::Form;
use keyward_types::{Random, RandomError, Secret};

/// A key that nobody has, of the same form: the beginning and what stands in every such key are
/// kept, every other letter and digit is drawn anew among its like.
pub(super) fn made_up(value: &Secret<String>, form: Form, random: &dyn Random) -> Result<Secret<String>, RandomError> {
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

fn kept(value: &str, form: Form) -> Vec<std::ops::Range<usize>> {
    let Form::Known(form) = form else { return Vec::new() };
    let beginning = form.prefixes.iter().filter(|prefix| value.starts_with(**prefix)).map(|prefix| prefix.len()).max();
    let literals = form.pattern.map(literals).unwrap_or_default();
    let fixed = form.anchors.iter().copied().chain(literals.iter().map(String::as_str));
    let inside = fixed.flat_map(|text| value.match_indices(text).map(|(at, _)| at..at + text.len()));
    std::iter::once(0..beginning.unwrap_or(0)).chain(inside).collect()
}

/// What stands in a pattern as it is, four characters and more at a time.
fn literals(pattern: &str) -> Vec<String> {
    let mut runs = vec![String::new()];
    let mut inside = None;
    for c in pattern.chars() {
        match (inside, c) {
            (Some(end), c) if c == end => inside = None,
            (Some(_), _) => {}
            (None, '[') => inside = Some(']'),
            (None, '{') => inside = Some('}'),
            (None, c) if c.is_ascii_alphanumeric() => {
                runs.last_mut().expect("there is one from the start").push(c);
                continue;
            }
            _ => {}
        }
        runs.push(String::new());
    }
    runs.retain(|run| run.len() >= 4);
    runs
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
        let fake = made_up(&value, Form::Known(form), &Sevens).unwrap();
        assert!(form.matches(fake.expose()) && form.matches(value.expose()));
        assert!(fake.expose().starts_with("sk-proj-") && fake.expose().contains("T3BlbkFJ"));
        assert!(!fake.expose().contains("aB3_") && !fake.expose().contains("Z9-q"));
    }
}
