//! Lists: filtered, in pages, and with the attributes that are asked for.

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
    /// The page of these resources, which come in an order that stays.
    ///
    /// # Errors
    /// `invalidFilter`.
    pub(super) fn page(&self, mut all: Vec<Value>) -> Result<Value> {
        if let Some(text) = &self.filter {
            let filter = filter::parse(text)?;
            all.retain(|one| filter.holds(one));
        }
        let total = all.len();
        // RFC 7644, 3.4.2.4: what is below one is one, a negative count is none.
        let start = usize::try_from(self.start_index.unwrap_or(1)).unwrap_or(1).max(1);
        let count = self.count.map_or(USUAL, |count| usize::try_from(count).unwrap_or(0)).min(MOST);
        let page: Vec<Value> = all.into_iter().skip(start - 1).take(count).map(|one| self.cut(one)).collect();
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
        let page = Wanted { start_index, count, ..Wanted::default() }.page(people(250)).unwrap();
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
    fn attributes_are_left_out_where_they_are_not_wanted() {
        let only = Wanted { attributes: Some("userName, name.givenName".into()), ..Wanted::default() };
        assert_eq!(only.cut(people(1).remove(0)), json!({ "id": "1", "schemas": [], "userName": "u1" }));
        let not = Wanted { excluded_attributes: Some("TITLE,id".into()), ..Wanted::default() };
        assert_eq!(not.cut(people(1).remove(0)), json!({ "id": "1", "schemas": [], "userName": "u1" }));
    }
}
