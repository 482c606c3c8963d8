//! What a secret is called in a store that forbids characters of its name.

use keyward_types::SecretName;

/// Letters, digits and `-`: Azure Key Vault.
pub(crate) fn azure(name: &SecretName) -> String {
    replaced(name, '-', |c| c.is_ascii_alphanumeric() || c == '-')
}

/// Letters, digits, `_` and `-`: Google's Secret Manager.
pub(crate) fn gcp(name: &SecretName) -> String {
    replaced(name, '_', |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// Letters, digits, `-`, `_` and `.`: a key of a Kubernetes Secret.
pub(crate) fn kubernetes(name: &SecretName) -> String {
    replaced(name, '.', |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// Upper case letters, digits and `_`, no digit first: GitHub Actions.
pub(crate) fn github(name: &SecretName) -> String {
    let fitting = replaced(name, '_', |c| c.is_ascii_alphanumeric() || c == '_').to_ascii_uppercase();
    if fitting.starts_with(|c: char| c.is_ascii_digit()) { format!("_{fitting}") } else { fitting }
}

/// Everything that a secret's name may have, behind a `/` where it is a path: the Parameter Store.
pub(crate) fn parameter(prefix: &str, name: &SecretName) -> String {
    let whole = format!("{prefix}{name}");
    if whole.contains('/') && !whole.starts_with('/') { format!("/{whole}") } else { whole }
}

fn replaced(name: &SecretName, by: char, fits: impl Fn(char) -> bool) -> String {
    name.as_str().chars().map(|c| if fits(c) { c } else { by }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_store_gets_a_name_that_it_takes() {
        let name: SecretName = "db/Main_url.v2".parse().unwrap();
        assert_eq!(azure(&name), "db-Main-url-v2");
        assert_eq!(gcp(&name), "db_Main_url_v2");
        assert_eq!(kubernetes(&name), "db.Main_url.v2");
        assert_eq!(github(&name), "DB_MAIN_URL_V2");
        assert_eq!(github(&"2FA_KEY".parse().unwrap()), "_2FA_KEY");
        assert_eq!(parameter("", &name), "/db/Main_url.v2");
        assert_eq!(parameter("/shop/", &"KEY".parse().unwrap()), "/shop/KEY");
        assert_eq!(parameter("", &"KEY".parse().unwrap()), "KEY");
    }
}
