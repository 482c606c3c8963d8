//! Lists in pages. A cursor names the last item of a page by its key, so that nothing is skipped or
//! shown twice when items come and go between two requests.

use data_encoding::BASE64URL_NOPAD;

use crate::problem::{Problem, Result};

/// Most items of one page.
const MOST: u32 = 1000;
const USUAL: u32 = 100;

/// Where a page begins and how long it is.
pub(crate) struct Page {
    after: Option<String>,
    limit: usize,
}

impl Page {
    /// From the query's `limit` and `cursor`.
    pub(crate) fn new(limit: Option<u32>, cursor: Option<&str>) -> Result<Self> {
        let limit = limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::wrong(format!("`limit` is between 1 and {MOST}")));
        }
        Ok(Self { after: cursor.map(decode).transpose()?, limit: limit as usize })
    }

    /// The items of this page, of all in the order of their keys, and the cursor of the next one.
    pub(crate) fn cut<T>(&self, items: Vec<T>, key: impl Fn(&T) -> &str) -> (Vec<T>, Option<String>) {
        let after = self.after.as_deref();
        let mut rest = items.into_iter().skip_while(|item| after.is_some_and(|after| key(item) <= after));
        let page: Vec<T> = rest.by_ref().take(self.limit).collect();
        let next = rest.next().and(page.last()).map(|last| BASE64URL_NOPAD.encode(key(last).as_bytes()));
        (page, next)
    }
}

fn decode(cursor: &str) -> Result<String> {
    let wrong = || Problem::wrong("the cursor was not made by this server");
    let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).map_err(|_| wrong())?;
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(items: &[&'static str], limit: u32) -> Vec<Vec<&'static str>> {
        let (mut pages, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = Page::new(Some(limit), cursor.as_deref()).unwrap();
            let (found, next) = page.cut(items.to_vec(), |item| item);
            pages.push(found);
            match next {
                Some(next) => cursor = Some(next),
                None => return pages,
            }
        }
    }

    #[test]
    fn pages_hold_everything_once() {
        assert_eq!(walk(&["a", "b", "c", "d", "e"], 2), [vec!["a", "b"], vec!["c", "d"], vec!["e"]]);
        assert_eq!(walk(&["a", "b"], 2), [vec!["a", "b"]]);
        assert_eq!(walk(&[], 2), [Vec::<&str>::new()]);
    }

    #[test]
    fn an_item_that_went_does_not_end_the_walk() {
        let page = Page::new(Some(2), None).unwrap();
        let (_, next) = page.cut(vec!["a", "b", "c"], |item| item);
        let page = Page::new(Some(2), next.as_deref()).unwrap();
        assert_eq!(page.cut(vec!["a", "c"], |item| item).0, ["c"]);
    }

    #[test]
    fn wrong_pages_are_refused() {
        assert!(Page::new(Some(0), None).is_err());
        assert!(Page::new(Some(MOST + 1), None).is_err());
        assert!(Page::new(None, Some("not base64!")).is_err());
    }
}
