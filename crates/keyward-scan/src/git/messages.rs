//! What commits and annotated tags say of themselves: whoever gets them, gets that too.

use std::collections::HashSet;

use gix::ObjectId;
use gix::objs::Kind;

use super::blobs::value;
use super::objects::Object;
use crate::scanner::{Found, Outcome, Scanner, Source, Verdict};

/// In reports, the path of what a commit says.
const COMMIT: &str = "commit message";

/// Messages that were looked at.
#[derive(Default)]
pub(super) struct Messages {
    /// What stands in them, and in which commit or tag.
    pub(super) found: Vec<(ObjectId, Found, Verdict)>,
    pub(super) bytes: u64,
    pub(super) tags: u64,
    tags_seen: HashSet<ObjectId>,
}

impl Messages {
    /// Looks at the message of a commit or a tag; other objects have none.
    pub(super) fn look(&mut self, scanner: &Scanner, id: &ObjectId, object: &Object) {
        let path = match object.kind {
            Kind::Commit => COMMIT.to_owned(),
            Kind::Tag if self.tags_seen.insert(*id) => {
                self.tags += 1;
                format!("{}!message", tag_path(&object.bytes))
            }
            _ => return,
        };
        let text = message(&object.bytes);
        let mut hits = scanner.look(&path, text).hits;
        self.bytes += text.len() as u64;
        // Nothing runs here.
        hits.retain(|hit| !scanner.is_misuse(hit));
        if !hits.is_empty() {
            let source = Source { path: &path, ..Source::default() };
            self.found
                .extend(scanner.judge(&source, text, hits).into_iter().map(|(found, verdict)| (*id, found, verdict)));
        }
    }

    /// Adds what is to be reported, each value once a path; `name` says which commit or tag it is.
    pub(super) fn report(self, outcome: &mut Outcome, name: &mut dyn FnMut(&mut Found, &ObjectId)) {
        outcome.summary.bytes += self.bytes;
        outcome.summary.blobs += self.tags;
        let mut first = HashSet::new();
        for (id, mut found, verdict) in self.found {
            if !first.insert((value(&found), found.finding.path.clone())) {
                continue;
            }
            match verdict {
                Verdict::Silenced => outcome.summary.silenced += u64::from(!found.weak),
                Verdict::Report => {
                    name(&mut found, &id);
                    outcome.found.push(found);
                }
            }
        }
    }
}

/// The ref that a tag was made for, as it says itself.
pub(super) fn tag_path(bytes: &[u8]) -> String {
    let name = bytes.split(|byte| *byte == b'\n').take(4).find_map(|line| line.strip_prefix(b"tag "));
    format!("refs/tags/{}", String::from_utf8_lossy(name.unwrap_or_default()))
}

/// What stands behind the head of a commit or tag.
fn message(bytes: &[u8]) -> &[u8] {
    memchr::memmem::find(bytes, b"\n\n").map_or(&[], |at| &bytes[at + 2..])
}
