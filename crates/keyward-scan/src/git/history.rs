//! Everything that there ever was: each content once, each finding where it first stood.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use gix::ObjectId;
use gix::objs::Kind;

use super::blobs::{Look, Results};
use super::commits::{Commits, Seen, head};
use super::error::Error;
use super::families::{Families, Workspace};
use super::messages::Messages;
use super::objects::{Object, Objects, Pack, Reader, Unreadable};
use super::places::{Place, Places};
use super::repository::Repository;
use super::trees::ROOT;
use crate::container::Limits;
use crate::scanner::{Found, Outcome, Scanner, Verdict};
use crate::seen::{self, Memory, SeenBlobs, SeenCommit, SeenPlace};
use crate::summary::Skipped;

/// How a history is scanned.
pub struct HistoryOptions<'a> {
    /// Threads; 0: as many as there are cores.
    pub threads: usize,
    /// Larger files are skipped.
    pub max_file_size: u64,
    /// How far archives are unpacked.
    pub unpack: Limits,
    /// Where it is kept what was seen. Without it nothing is kept.
    pub seen: Option<&'a dyn SeenBlobs>,
    /// Differs whenever the caller's own rules or options do, so that everything is looked at again.
    pub version: &'a [u8],
    /// Told how many files of how many were read, now and then.
    pub progress: Option<&'a (dyn Fn(u64, u64) + Sync)>,
    /// Everything is looked at from its beginning to its end, not only where it is new: slower, for comparison.
    pub whole: bool,
}

impl Default for HistoryOptions<'_> {
    fn default() -> Self {
        Self {
            threads: 0,
            max_file_size: 1 << 30,
            unpack: Limits::default(),
            seen: None,
            version: &[],
            progress: None,
            whole: false,
        }
    }
}

/// Skipped objects that are named one by one.
const NAMED: usize = 100;

/// Scans all content that can be reached from a ref, the stash or a log. A value is reported once a
/// path, at the commit that first put it there. `done` gets the findings, the oldest first, and the summary.
pub fn history(
    scanner: &Scanner,
    repository: &Repository,
    options: &HistoryOptions<'_>,
    done: &dyn Fn(Outcome),
) -> Result<(), Error> {
    let start = Instant::now();
    // A broken index is an error before everything is read.
    repository.index()?;
    let mut outcome = Outcome::default();
    let objects = repository.objects();
    outcome.summary.skipped.extend(objects.damaged.iter().cloned());
    let threads = crate::threads(options.threads);
    let mut run = Run { scanner, repository, options, objects, threads, outcome };
    let (name, version) = (name(repository), seen::version(scanner, options, &repository.boundary()));
    let memory = options.seen.and_then(|seen| Memory::decode(&seen.load(&name)?, &version));
    let known = memory.as_ref().and_then(|memory| run.all(Some(memory)));
    let (memory, found) = known.unwrap_or_else(|| run.all(None).expect("only what was kept can be out of date"));
    if let (Some(seen), Some(memory)) = (options.seen, memory) {
        seen.store(&name, &memory.encode(&version, run.objects.hash));
    }
    let mut outcome = run.outcome;
    outcome.found = found;
    outcome.summary.seconds = start.elapsed().as_secs_f64();
    done(outcome);
    Ok(())
}

struct Run<'a> {
    scanner: &'a Scanner,
    repository: &'a Repository,
    options: &'a HistoryOptions<'a>,
    objects: Objects,
    threads: usize,
    outcome: Outcome,
}

impl Run<'_> {
    /// Everything that is not in `memory`; `None` if that is of another history. Gives what to remember, if all
    /// could be read.
    fn all(&mut self, memory: Option<&Memory>) -> Option<(Option<Memory>, Vec<Found>)> {
        let mut skipped = Vec::new();
        let mut messages = Messages::default();
        let commits = self.commits(memory, &mut messages, &mut skipped);
        let order = commits.oldest_first();
        let mut orders = vec![0; order.len()];
        (0..).zip(&order).for_each(|(at, number)| orders[*number as usize] = at);
        let kept: Vec<(ObjectId, u32, &[u8])> = match memory {
            None => Vec::new(),
            Some(memory) => {
                let order_of = |place: &SeenPlace| match place.commit {
                    None => Some(order.len() as u32),
                    Some(commit) => Some(orders[commits.number(&commit)? as usize]),
                };
                // A finding whose commit is gone may still stand in another: that is found by looking again.
                let content = memory.places.iter().filter(|place| !place.is_message());
                content
                    .map(|place| Some((place.blob, order_of(place)?, place.path.as_slice())))
                    .collect::<Option<_>>()?
            }
        };
        let is_new =
            |number: u32| memory.is_none_or(|memory| memory.commit(&commits.all[number as usize].id).is_none());
        let places = Places::find(&self.objects, &commits, &order, &is_new, self.threads, |paths| {
            let mut place = |(id, order, path): &(ObjectId, u32, &[u8])| {
                let path = paths.number(ROOT, path);
                (*id, Place { order: *order, path })
            };
            kept.iter().map(&mut place).collect()
        });
        let mut results = Results::default();
        let mut unreadable = self.read(&places, &mut results);
        unreadable.extend(results.too_large.iter().map(|slot| (*slot, Unreadable::TooLarge)));
        unreadable.sort_unstable_by_key(|(slot, _)| *slot);
        let complete = skipped.is_empty() && places.unreadable.is_empty() && self.objects.damaged.is_empty();
        let binary = results.binary + memory.map_or(0, |memory| memory.binary);
        skip(&places, &unreadable, binary, &mut skipped);
        results.skipped.sort();
        let more = results.skipped.len().saturating_sub(NAMED);
        skipped.extend(results.skipped.drain(..).take(NAMED));
        if more > 0 {
            skipped
                .push(Skipped::new("git objects", format!("{more} more that are not whole in archives and databases")));
        }
        let crowded = results.crowded.iter().map(|slot| places.blobs[*slot as usize].to_string());
        skipped.extend(crowded.map(|id| Skipped::new(format!("blob {id}"), "at more paths than are reported")));
        self.outcome.summary.skipped.extend(skipped);
        let summary = &mut self.outcome.summary;
        summary.commits = commits.all.len() as u64;
        summary.bytes = results.bytes;
        let again: HashSet<ObjectId> = kept.iter().map(|(id, _, _)| *id).collect();
        summary.blobs = memory.map_or(0, |memory| memory.blobs) + results.blobs.saturating_sub(again.len() as u64);
        summary.silenced =
            results.first.values().filter(|first| first.verdict == Verdict::Silenced && !first.found.weak).count()
                as u64;
        let commit_of = |order_: u32| order.get(order_ as usize).map(|number| commits.all[*number as usize].id);
        let remembered = complete.then(|| {
            let firsts = results.first.iter().map(|((_, path, _), first)| (first.blob, *path, first.order));
            let again = unreadable.iter().flat_map(|(slot, _)| {
                places.of(*slot as usize).iter().map(move |place| (*slot, place.path, place.order))
            });
            let unique: HashSet<(u32, u32, u32)> = firsts.chain(again).collect();
            let place = |(blob, path, order): (u32, u32, u32)| SeenPlace {
                blob: places.blobs[blob as usize],
                commit: commit_of(order),
                path: places.paths.bytes(path),
            };
            // Commits whose message says something are read again.
            let said: HashSet<ObjectId> = messages.found.iter().map(|(id, _, _)| *id).collect();
            let said = said.into_iter().filter(|id| commits.number(id).is_some()).map(SeenPlace::message);
            let places = unique.into_iter().map(place).chain(said).collect();
            Memory { commits: seen_commits(&commits), places, blobs: self.outcome.summary.blobs, binary }
        });
        let order_of = |id: &ObjectId| commits.number(id).map_or(order.len() as u32, |number| orders[number as usize]);
        messages.found.sort_by_key(|(id, found, _)| (order_of(id), found.finding.line, found.finding.column));
        let mut found = self.attribute(results, &places, &commit_of);
        self.say(messages, &commits, &mut found, &order_of);
        Some((remembered, found.into_iter().map(|(_, one)| one).collect()))
    }

    /// Puts what stands in messages among the other findings, by the order of commits.
    fn say(
        &mut self,
        messages: Messages,
        commits: &Commits,
        found: &mut Vec<(u32, Found)>,
        order_of: &dyn Fn(&ObjectId) -> u32,
    ) {
        let (mut reader, mut orders) = (Reader::new(), Vec::new());
        let objects = &self.objects;
        messages.report(&mut self.outcome, &mut |one, id| {
            orders.push(order_of(id));
            if commits.number(id).is_some()
                && let Ok(head) = head(objects, id, &mut reader)
            {
                (one.finding.commit, one.finding.author) = (Some(id.to_string()), Some(head.author));
                one.finding.date = head.written;
            }
        });
        found.extend(orders.into_iter().zip(std::mem::take(&mut self.outcome.found)));
        found.sort_by_key(|(order, _)| *order);
    }

    fn commits(&self, memory: Option<&Memory>, messages: &mut Messages, skipped: &mut Vec<Skipped>) -> Commits {
        let said: HashSet<ObjectId> = memory
            .iter()
            .flat_map(|memory| &memory.places)
            .filter(|place| place.is_message())
            .map(|place| place.blob)
            .collect();
        let mut tips = self.repository.refs(skipped);
        // Logs name what was thrown away long ago: what is not there any more is not missed.
        let mut reader = Reader::new();
        let logged = self.repository.logged().into_iter();
        let logged = logged.filter(|id| !matches!(self.objects.find(id, &mut reader), Err(Unreadable::Missing)));
        tips.extend(logged.map(|id| (String::new(), id)));
        let boundary = self.repository.boundary();
        let seen = |id: &ObjectId| {
            let commit = memory.filter(|_| !said.contains(id))?.commit(id)?;
            Some(Seen { date: commit.date, parents: commit.parents.clone() })
        };
        let boundary = |id: &ObjectId| boundary.binary_search(id).is_ok();
        let told = &mut |id: &ObjectId, object: &Object| messages.look(self.scanner, id, object);
        Commits::load(&self.objects, tips, &seen, &boundary, told, skipped)
    }

    /// Reads all content. Gives what could not be read.
    fn read(&self, places: &Places, results: &mut Results) -> Vec<(u32, Unreadable)> {
        let total = places.blobs.len() as u64;
        let done: Vec<AtomicBool> = places.blobs.iter().map(|_| AtomicBool::new(false)).collect();
        let count = AtomicU64::new(0);
        let told = |slot: u32| {
            done[slot as usize].store(true, Ordering::Relaxed);
            let now = count.fetch_add(1, Ordering::Relaxed) + 1;
            if let Some(progress) = self.options.progress.filter(|_| now.is_multiple_of(1024) || now == total) {
                progress(now, total);
            }
        };
        let look = || Look {
            scanner: self.scanner,
            repository: self.repository,
            places,
            whole: self.options.whole || self.scanner.engine.looks_far(),
            limits: &self.options.unpack,
            max_size: self.options.max_file_size,
            done: &told,
            results: Results::default(),
        };
        let mut claimed = vec![false; places.blobs.len()];
        for (number, pack) in self.objects.packs.iter().enumerate() {
            // To read the heads of all entries is worth while only if many of them are wanted.
            if claimed.len() >= pack.index.num_objects() as usize / 32 {
                let families = families(pack, number, places, &mut claimed);
                let heads = families.heads(self.threads);
                self.parallel(heads.len(), 4, &look, results, &|part, work, look| {
                    heads[part].iter().for_each(|head| families.read(&self.objects, *head, work, look));
                });
            }
        }
        let rest: Vec<u32> =
            (0..done.len() as u32).filter(|slot| !done[*slot as usize].load(Ordering::Relaxed)).collect();
        let unreadable = std::sync::Mutex::new(Vec::new());
        self.parallel(rest.len(), 64, &look, results, &|part, work, look| {
            for slot in &rest[part] {
                match self.objects.find(&places.blobs[*slot as usize], work.reader()) {
                    Ok(object) if object.kind == Kind::Blob => drop(look.blob(Some(*slot), &object.bytes, None)),
                    Ok(_) => push(&unreadable, (*slot, Unreadable::Damaged)),
                    Err(error) => push(&unreadable, (*slot, error)),
                }
            }
        });
        unreadable.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Has all threads work on `count` things, `size` at a time.
    fn parallel<'l>(
        &self,
        count: usize,
        size: usize,
        look: &(dyn Fn() -> Look<'l> + Sync),
        results: &mut Results,
        each: &(dyn Fn(std::ops::Range<usize>, &mut Workspace, &mut Look<'l>) + Sync),
    ) {
        let next = AtomicUsize::new(0);
        let work = || {
            let (mut work, mut look) = (Workspace::new(), look());
            loop {
                let start = next.fetch_add(size, Ordering::Relaxed);
                if start >= count {
                    break look.results;
                }
                each(start..count.min(start + size), &mut work, &mut look);
            }
        };
        let others = self.threads.min(count.div_ceil(size.max(1)));
        std::thread::scope(|scope| {
            let threads: Vec<_> = (1..others).map(|_| scope.spawn(work)).collect();
            results.merge(work());
            for thread in threads {
                match thread.join() {
                    Ok(found) => results.merge(found),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
    }

    /// Says of each finding which commit brought it, in the order of commits, which goes along.
    fn attribute(
        &self,
        results: Results,
        places: &Places,
        commit_of: &dyn Fn(u32) -> Option<ObjectId>,
    ) -> Vec<(u32, Found)> {
        let mut all: Vec<_> = results.first.into_iter().filter(|(_, first)| first.verdict == Verdict::Report).collect();
        all.sort_by_cached_key(|((value, path, count), first)| {
            let finding = &first.found.finding;
            (first.order, places.paths.bytes(*path), finding.line, finding.column, *value, *count)
        });
        let (mut reader, mut heads) = (Reader::new(), HashMap::new());
        let mut found = Vec::with_capacity(all.len());
        for (_, first) in all {
            let mut one = first.found;
            if let Some(commit) = commit_of(first.order) {
                let head = heads.entry(commit).or_insert_with(|| head(&self.objects, &commit, &mut reader).ok());
                one.finding.commit = Some(commit.to_string());
                one.finding.author = head.as_ref().map(|head| head.author.clone());
                one.finding.date = head.as_ref().and_then(|head| head.written.clone());
            }
            found.push((first.order, one));
        }
        found
    }
}

/// All commits, by id.
fn seen_commits(commits: &Commits) -> Vec<SeenCommit> {
    let id = |number: &u32| commits.all[*number as usize].id;
    let seen = |commit: &super::commits::Commit| SeenCommit {
        id: commit.id,
        date: commit.date,
        parents: commit.parents.iter().map(id).collect(),
    };
    let mut all: Vec<SeenCommit> = commits.all.iter().map(seen).collect();
    all.sort_unstable_by_key(|commit| commit.id);
    all
}

/// The families of a pack in which content is that no other pack gave yet.
fn families(pack: &Pack, number: usize, places: &Places, claimed: &mut [bool]) -> Families {
    // Both are sorted by id.
    let mut at = 0;
    Families::new(pack, number, |id| {
        while places.blobs.get(at).is_some_and(|blob| blob.as_ref() < id) {
            at += 1;
        }
        let wanted = places.blobs.get(at).is_some_and(|blob| blob.as_ref() == id) && !claimed[at];
        wanted.then(|| {
            claimed[at] = true;
            at as u32
        })
    })
}

/// Names what was left out.
fn skip(places: &Places, unreadable: &[(u32, Unreadable)], binary: u64, skipped: &mut Vec<Skipped>) {
    let mut trees: Vec<_> = places.unreadable.iter().collect();
    trees.sort_unstable_by_key(|(id, _)| **id);
    let trees = trees.into_iter().map(|(id, error)| Skipped::unreadable(format!("tree {id}"), error.reason()));
    let files = unreadable.iter().map(|(slot, error)| {
        let path = places.paths.bytes(places.of(*slot as usize)[0].path);
        let id = places.blobs[*slot as usize];
        error.skipped(format!("{} ({id})", String::from_utf8_lossy(&path)))
    });
    let all: Vec<_> = trees.chain(files).collect();
    let more = all.get(NAMED..).unwrap_or_default();
    if !more.is_empty() {
        let reason = format!("{} more that are missing, damaged or too large", more.len());
        let unreadable = more.iter().any(|one| one.unreadable);
        skipped.push(Skipped { unreadable, ..Skipped::new("git objects", reason) });
    }
    skipped.extend(all.into_iter().take(NAMED));
    if binary > 0 {
        skipped.push(Skipped::new("git objects", format!("binary: {binary}")));
    }
}

fn push<T>(list: &std::sync::Mutex<Vec<T>>, one: T) {
    list.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(one);
}

/// The name under which it is kept what was seen of a repository.
fn name(repository: &Repository) -> String {
    let path: &Path = repository.git_dir();
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}
