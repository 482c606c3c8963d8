//! Lists: filtered, in pages, and with the attributes that are asked for.

use keyward_access::Login;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::scim::fault::Result;
use crate::scim::filter;
use crate::scim::{LIST, path};

/// What a request asks of a list, or of one resource.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Wanted {
    filter: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
    attributes: Option<String>,
    excluded_attributes: Option<String>,
}

/// Most resources of a page, and how many there are when nobody says.
pub(super) const MOST: usize = 1000;
const USUAL: usize = 100;

impl Wanted {
    /// The login of the only person who is asked for, as providers do before they make somebody.
    /// `None`: it is asked for others.
    ///
    /// # Errors
    /// `invalidFilter`.
    pub(super) fn user_name(&self) -> Result<Option<Login>> {
        let filter = self.filter()?;
        let wanted = filter.as_ref().and_then(filter::Filter::wanted);
        Ok(wanted.and_then(|(name, value)| match value {
            Value::String(text) if name.eq_ignore_ascii_case("userName") => text.to_lowercase().parse().ok(),
            _ => None,
        }))
    }

    fn filter(&self) -> Result<Option<filter::Filter>> {
        self.filter.as_deref().map(filter::parse).transpose()
    }

    /// The page of these, which come in an order that stays. Only what is filtered or in the page is
    /// `shown`.
    ///
    /// # Errors
    /// `invalidFilter`.
    pub(super) fn page<T>(&self, all: &[T], shown: impl Fn(&T) -> Value) -> Result<Value> {
        // RFC 7644, 3.4.2.4: what is below one is one, a negative count is none.
        let start = usize::try_from(self.start_index.unwrap_or(1)).unwrap_or(1).max(1);
        let count = self.count.map_or(USUAL, |count| usize::try_from(count).unwrap_or(0)).min(MOST);
        let (total, page): (usize, Vec<Value>) = match self.filter()? {
            None => (all.len(), all.iter().skip(start - 1).take(count).map(shown).collect()),
            Some(filter) => {
                let fitting: Vec<Value> = all.iter().map(shown).filter(|one| filter.holds(one)).collect();
                (fitting.len(), fitting.into_iter().skip(start - 1).take(count).collect())
            }
        };
        let page: Vec<Value> = page.into_iter().map(|one| self.cut(one)).collect();
        Ok(json!({
            "schemas": [LIST], "totalResults": total, "startIndex": start, "itemsPerPage": page.len(),
            "Resources": page,
        }))
    }

    /// A resource with the attributes that are asked for.
    pub(super) fn cut(&self, mut one: Value) -> Value {
        let asked = |list: &Option<String>| -> Option<Vec<String>> {
            let first = |text: &str| path::names(text.trim()).and_then(|names| names.into_iter().next());
            list.as_ref().map(|list| list.split(',').filter_map(first).collect())
        };
        let among = |list: &[String], key: &str| list.iter().any(|name| name.eq_ignore_ascii_case(key));
        let always = |key: &str| matches!(key, "id" | "schemas");
        if let Some(map) = one.as_object_mut() {
            if let Some(only) = asked(&self.attributes) {
                map.retain(|key, _| always(key) || among(&only, key));
            } else if let Some(not) = asked(&self.excluded_attributes) {
                map.retain(|key, _| always(key) || !among(&not, key));
            }
        }
        one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(n: usize) -> Vec<Value> {
        (1..=n)
            .map(|n| json!({ "id": n.to_string(), "userName": format!("u{n}"), "schemas": [], "title": "t" }))
            .collect()
    }

    fn page(start_index: Option<i64>, count: Option<i64>) -> (usize, usize, usize) {
        let page = Wanted { start_index, count, ..Wanted::default() }.page(&people(250), Value::clone).unwrap();
        let of = |name: &str| usize::try_from(page[name].as_u64().unwrap()).unwrap();
        assert_eq!(page["Resources"].as_array().unwrap().len(), of("itemsPerPage"));
        (of("totalResults"), of("startIndex"), of("itemsPerPage"))
    }

    #[test]
    fn pages_begin_at_one_and_are_bounded() {
        assert_eq!(page(None, None), (250, 1, 100));
        assert_eq!(page(Some(201), Some(100)), (250, 201, 50));
        assert_eq!(page(Some(-5), Some(2)), (250, 1, 2));
        assert_eq!(page(Some(1), Some(-1)), (250, 1, 0));
        assert_eq!(page(Some(9000), Some(10)), (250, 9000, 0));
        assert_eq!(page(None, Some(i64::MAX)), (250, 1, 250));
    }

    #[test]
    fn whoever_is_asked_for_by_name_is_known() {
        let of = |filter: &str| Wanted { filter: Some(filter.into()), ..Wanted::default() }.user_name().unwrap();
        let login = |text: &str| Some(text.parse().unwrap());
        assert_eq!(of(r#"USERNAME eq "Ada@example.com""#), login("ada@example.com"));
        let urn = r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ada""#;
        assert_eq!(of(urn), login("ada"));
        for others in [
            r#"userName ne "ada""#,
            r#"userName sw "a""#,
            r#"userName eq "ada" or title pr"#,
            r#"title eq "ada""#,
            r#"userName eq "a b""#,
        ] {
            assert_eq!(of(others), None, "{others}");
        }
        assert_eq!(Wanted::default().user_name().unwrap(), None);
    }

    #[test]
    fn only_what_is_in_the_page_is_shown() {
        let shown = std::cell::Cell::new(0);
        let page = Wanted { start_index: Some(101), count: Some(20), ..Wanted::default() };
        page.page(&people(250), |one| {
            shown.set(shown.get() + 1);
            one.clone()
        })
        .unwrap();
        assert_eq!(shown.get(), 20);
    }

    #[test]
    fn attributes_are_left_out_where_they_are_not_wanted() {
        let only = Wanted { attributes: Some("userName, name.givenName".into()), ..Wanted::default() };
        assert_eq!(only.cut(people(1).remove(0)), json!({ "id": "1", "schemas": [], "userName": "u1" }));
        let not = Wanted { excluded_attributes: Some("TITLE,id".into()), ..Wanted::default() };
        assert_eq!(not.cut(people(1).remove(0)), json!({ "id": "1", "schemas": [], "userName": "u1" }));
    }
}
