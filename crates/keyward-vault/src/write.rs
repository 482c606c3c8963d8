//! New values and new metadata. A version is never overwritten.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use keyward_access::{Denial, Object, Permit, authorize};
use keyward_audit::Action as ActionName;
use keyward_store::Committed;
use keyward_types::{
    Access, Content, Head, Kind, Label, Labels, Origin, Place, Record, Secret, SecretId, SecretName, Timestamp,
    Version, VersionHead, VersionState, Write, is_plain,
};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::expected::{tag, tag_of};
use crate::matching::MatchRow;
use crate::read::Scope;
use crate::records::{self, Row, Sealed};
use crate::value::hex;
use crate::{Error, MAX_VALUE, Vault};

/// A value to be stored.
#[derive(Debug)]
pub struct NewValue {
    /// Under which name.
    pub name: SecretName,
    /// The value, at most [`MAX_VALUE`] bytes.
    pub value: Secret<Vec<u8>>,
    /// Estimated entropy in bits.
    pub bits: u16,
    /// What is known of it.
    pub edit: Edit,
}

/// A change of metadata; `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// What it is.
    pub kind: Option<Kind>,
    /// What its value looks like. Counts for a name that is new, and where a secret comes into what
    /// was none: a kind that somebody gave a secret stays until somebody changes it.
    pub looks_like: Option<Kind>,
    /// The service it belongs to.
    pub provider: Option<Option<String>>,
    /// Who answers for it.
    pub owner: Option<Option<String>>,
    /// What it is for.
    pub description: Option<Option<String>>,
    /// What it allows.
    pub access: Option<Option<Access>>,
    /// When the value stops working.
    pub expires_at: Option<Option<Timestamp>>,
    /// After how many days a new value is due.
    pub rotate_every_days: Option<Option<u32>>,
    /// Words to find it by.
    pub tags: Option<Vec<String>>,
    /// Whether `run` hands it over as a private file.
    pub as_file: Option<bool>,
    /// How many versions keep their value.
    pub max_versions: Option<Option<u32>>,
    /// Whether nobody knows how old the value is. With a value: of that, if it is a new one; without
    /// one: of the active version.
    pub age_unknown: Option<bool>,
}

/// What became of a value that was to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Its name.
    pub name: SecretName,
    /// The version that is active now.
    pub version: Version,
    /// What it is.
    pub kind: Kind,
    /// Added, changed or the same as before.
    pub change: ValueChange,
    /// Where else the same secret value is stored: `project/environment/NAME`.
    pub same_as: Vec<String>,
    /// Names the state of its head now.
    pub tag: String,
    /// It was stored before, and counts as a secret from now on.
    pub(crate) becomes_secret: bool,
}

/// How a value relates to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueChange {
    /// The name is new, or came back after its deletion.
    Added,
    /// A new version of a name that has a value.
    Changed,
    /// The same value: no new version.
    Unchanged,
}

/// Free text in a head, in all.
const MAX_METADATA: usize = 4096;

impl Vault {
    /// Stores values, all or none, each as a new version.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::TooLarge`], [`Error::Raced`].
    pub fn write(&self, actor: &Actor, scope: &Scope, values: Vec<NewValue>) -> Result<Vec<Written>, Error> {
        let (written, change) = self.stage_all(actor, scope, values).map_err(|halt| self.told_halt(actor, halt))?;
        for one in written.iter().filter(|one| one.becomes_secret) {
            self.make_known(actor, scope, &one.name)?;
        }
        if let Some(change) = change {
            change.commit().map_err(|error| raced(error, "a secret"))?;
        }
        Ok(written)
    }

    /// Begins to store values; `done` is called when they are durable, on a thread that others wait
    /// for. `None` when they have to be stored by [`Vault::write`]: nothing was done then, and `done`
    /// will not be called.
    ///
    /// # Errors
    /// Those of [`Vault::write`] that are not recorded.
    pub fn begin_write(
        &self,
        actor: &Actor,
        scope: &Scope,
        values: Vec<NewValue>,
        done: impl FnOnce(keyward_store::Result<Committed>) + Send + 'static,
    ) -> Result<Option<Vec<Written>>, Error> {
        match self.stage_all(actor, scope, values) {
            Ok((written, _)) if written.iter().any(|one| one.becomes_secret) => Ok(None),
            Ok((written, Some(change))) => Ok(change.submit(done)?.then_some(written)),
            // What is there already needs no commit, and what is refused has to be written down.
            Ok((_, None)) | Err(Halt::Refused(_)) => Ok(None),
            Err(Halt::Failed(error)) => Err(error),
        }
    }

    fn stage_all<'a>(
        &'a self,
        actor: &'a Actor,
        scope: &Scope,
        values: Vec<NewValue>,
    ) -> Result<(Vec<Written>, Option<Change<'a>>), Halt> {
        let mut change = None;
        let (mut written, mut names) = (Vec::with_capacity(values.len()), HashSet::with_capacity(values.len()));
        for value in values {
            // Each is compared with what lies there, not with what stands before it.
            if !names.insert(value.name.clone()) {
                return Err(Error::Refused(format!("`{}` stands among the values twice", value.name)).into());
            }
            if value.value.expose().len() > MAX_VALUE {
                return Err(Error::TooLarge { size: value.value.expose().len() }.into());
            }
            let row = self.head_row(scope, &value.name)?;
            let permit = self.permit_write(actor, scope, &value.name, row.as_ref())?;
            actor.expects.check(row.as_ref().map(|row| &row.record), value.name.as_str())?;
            written.push(self.stage(actor, scope, value, row, permit, &mut change)?);
        }
        Ok((written, change))
    }

    fn told_halt(&self, actor: &Actor, halt: Halt) -> Error {
        match halt {
            Halt::Refused(refusal) => {
                let Refusal { denial, action, names } = *refusal;
                self.denied(actor, denial, action, names)
            }
            Halt::Failed(error) => error,
        }
    }

    fn permit_write(
        &self,
        actor: &Actor,
        scope: &Scope,
        name: &SecretName,
        row: Option<&Row<Head>>,
    ) -> Result<Permit<Write>, Halt> {
        let about = match row {
            Some(row) => scope.about_head(&row.record),
            None => scope.about_name(self.id(), name),
        };
        authorize::<Write>(&actor.caller, &about).map_err(|denial| {
            Halt::refused(Refusal { denial, action: ActionName::SecretWrite, names: scope.names(Some(name)) })
        })
    }

    /// Adds one value to the change, or finds that it is there already.
    fn stage<'a>(
        &'a self,
        actor: &'a Actor,
        scope: &Scope,
        new: NewValue,
        row: Option<Row<Head>>,
        permit: Permit<Write>,
        change: &mut Option<Change<'a>>,
    ) -> Result<Written, Halt> {
        let now = self.tools.clock.now();
        let fingerprint = hex(&self.ring.fingerprint(new.value.expose()));
        let (before, generation) = match row {
            Some(row) => (row.record, Some(row.generation)),
            None => (new_head(self.place(scope)?, new.name.clone(), now), None),
        };
        let mut head = before.clone();
        let same = head.active().is_some_and(|active| active.fingerprint == fingerprint);
        head.apply(&new.edit, !same)?;
        self.permit_becoming(actor, scope, &before, &head)?;
        let value_change = match (same, before.active().is_some()) {
            (true, _) => ValueChange::Unchanged,
            (false, true) => ValueChange::Changed,
            (false, false) => ValueChange::Added,
        };
        if same && head == before {
            let version = head.active().map_or(Version::FIRST, |active| active.version);
            let (kind, tag) = (head.kind, tag(&head));
            let same_as = vec![];
            return Ok(Written {
                name: new.name,
                version,
                kind,
                change: value_change,
                same_as,
                tag,
                becomes_secret: false,
            });
        }
        let telling =
            |action| Telling::new(action, Object::Secret(head.place, None)).names(scope.names(Some(&new.name)));
        let object_telling = if same {
            telling(ActionName::SecretEdit)
        } else {
            telling(ActionName::SecretWrite).version(head.next_version(), &fingerprint)
        };
        let object_telling = object_telling.names(rekinded(&before, &head, scope.names(Some(&new.name))));
        let change = match change {
            Some(change) => {
                drop(permit);
                change.also(object_telling);
                change
            }
            None => change.insert(Change::permitted(self, actor, permit, object_telling)),
        };
        match generation {
            Some(generation) => change.expect(records::written(Head::COLLECTION, &head.key(), generation)),
            None => change.expect_free::<Head>("name", head.place.name_index(&head.name)),
        }
        let same_as = if head.kind.is_secret() { self.holders_of(actor, &fingerprint, head.place)? } else { vec![] };
        if !same {
            self.add_version(change, &mut head, scope, &new, fingerprint, actor)?;
        }
        let head = Arc::new(head);
        let tag = tag_of(change.put_shared(Arc::clone(&head)));
        let version = head.active().map_or(Version::FIRST, |active| active.version);
        let becomes_secret = becomes_secret(&before, &head);
        let kind = head.kind;
        Ok(Written { name: new.name, version, kind, change: value_change, same_as, tag, becomes_secret })
    }

    fn add_version(
        &self,
        change: &mut Change<'_>,
        head: &mut Head,
        scope: &Scope,
        new: &NewValue,
        fingerprint: String,
        actor: &Actor,
    ) -> Result<(), Error> {
        let value = new.value.expose();
        let version = head.next_version();
        let key = self.project_key(scope.project.id, scope.project.key_generation)?;
        change.put(&key.seal(head.place, version, value, &*self.tools.random)?);
        if let Some(row) = MatchRow::of(head, version, value, new.bits, &self.ring.match_key()) {
            change.put(&row);
        }
        // It may be remembered for long, and the next version is added to a copy of it.
        head.versions.reserve_exact(1);
        head.versions.push(VersionHead {
            version,
            state: VersionState::Live,
            created_at: self.tools.clock.now(),
            created_by: actor.principal().clone(),
            size: u32::try_from(value.len()).unwrap_or(u32::MAX),
            bits: new.bits,
            fingerprint,
            secret: head.is_secret(),
            age_unknown: new.edit.age_unknown == Some(true),
            expires_at: None,
        });
        if let Some(active) = head.labels.insert(Label::active(), version) {
            head.labels.insert(Label::previous(), active);
        }
        destroy_surplus(change, head);
        Ok(())
    }

    fn place(&self, scope: &Scope) -> Result<Place, Error> {
        let secret = SecretId::random(&*self.tools.random)?;
        Ok(Place { vault: self.id(), project: scope.project.id, environment: scope.environment.id, secret })
    }

    /// Changes metadata without a new value.
    ///
    /// # Errors
    /// [`Error::NoSecret`], [`Error::Denied`], [`Error::Raced`].
    pub fn edit(&self, actor: &Actor, scope: &Scope, name: &SecretName, edit: &Edit) -> Result<Head, Error> {
        let row = self.existing(actor, scope, name, ActionName::SecretEdit)?;
        let permit = self.permit_write(actor, scope, name, Some(&row)).map_err(|halt| self.told_halt(actor, halt))?;
        actor.expects.check(Some(&row.record), name.as_str())?;
        let mut head = row.record.clone();
        head.apply(edit, false)?;
        if let Some(unknown) = edit.age_unknown {
            let active = head.active().map(|active| active.version);
            head.versions
                .iter_mut()
                .filter(|one| Some(one.version) == active)
                .for_each(|one| one.age_unknown = unknown);
        }
        self.permit_becoming(actor, scope, &row.record, &head).map_err(|halt| self.told_halt(actor, halt))?;
        if becomes_secret(&row.record, &head) {
            self.make_known(actor, scope, name)?;
        }
        let telling = Telling::new(ActionName::SecretEdit, Object::Secret(head.place, None));
        let names = rekinded(&row.record, &head, scope.names(Some(name)));
        let mut change = Change::permitted(self, actor, permit, telling.names(names));
        change.expect(records::unchanged(&row));
        if edit.kind.is_some_and(|kind| !kind.is_secret()) {
            for version in &head.versions {
                change.delete::<MatchRow>(head.place.version_key(version.version));
            }
        }
        change.put(&head);
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        Ok(head)
    }

    /// The head of a secret that has to exist, in this environment alone.
    pub(crate) fn existing(
        &self,
        actor: &Actor,
        scope: &Scope,
        name: &SecretName,
        action: ActionName,
    ) -> Result<Row<Head>, Error> {
        if let Some(row) = self.head_row(scope, name)? {
            return Ok(row);
        }
        let missing = Error::NoSecret {
            project: scope.project.name.clone(),
            environment: scope.environment.name.clone(),
            name: name.clone(),
        };
        let (object, names) = (scope.object(self.id()), scope.names(Some(name)));
        if let Err(denial) = self.may_miss::<Write>(actor, scope, name) {
            return Err(self.denied(actor, denial, action, names));
        }
        Err(self.not_found(actor, object, action, names, missing))
    }

    /// What it becomes has to be allowed as much as what it is: tags and kinds are what policies
    /// speak of.
    fn permit_becoming(&self, actor: &Actor, scope: &Scope, before: &Head, after: &Head) -> Result<(), Halt> {
        if before.tags == after.tags && before.kind == after.kind {
            return Ok(());
        }
        match authorize::<Write>(&actor.caller, &scope.about_head(after)) {
            Ok(_) => Ok(()),
            Err(denial) => {
                let names = scope.names(Some(&after.name));
                Err(Halt::refused(Refusal { denial, action: ActionName::SecretEdit, names }))
            }
        }
    }

    /// Where else a secret value with this fingerprint is active, as `project/environment/NAME`.
    /// Only those that the caller may know of.
    pub(crate) fn holders_of(&self, actor: &Actor, fingerprint: &str, but: Place) -> Result<Vec<String>, Error> {
        let mut holders = Vec::new();
        for row in records::find::<Head>(&self.store, "fingerprint", fingerprint.as_bytes())? {
            if row.record.place != but {
                holders.extend(self.spell_seen(actor, &row.record)?);
            }
        }
        holders.sort();
        Ok(holders)
    }
}

/// Why nothing is stored.
enum Halt {
    /// A denial that is not recorded yet.
    Refused(Box<Refusal>),
    Failed(Error),
}

struct Refusal {
    denial: Denial,
    action: ActionName,
    names: Names,
}

impl Halt {
    fn refused(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<keyward_types::RandomError> for Halt {
    fn from(error: keyward_types::RandomError) -> Self {
        Self::Failed(error.into())
    }
}

fn new_head(place: Place, name: SecretName, now: Timestamp) -> Head {
    Head {
        place,
        name,
        kind: Kind::ApiKey,
        content: Content::Bytes,
        origin: Origin::Stored,
        labels: Labels::new(),
        versions: Vec::new(),
        owner: None,
        description: None,
        provider: None,
        access: None,
        expires_at: None,
        rotate_every_days: None,
        tags: Vec::new(),
        metadata: BTreeMap::new(),
        max_versions: None,
        cas_required: false,
        as_file: false,
        created_at: now,
    }
}

/// Metadata of a head, changed.
trait Apply {
    fn apply(&mut self, edit: &Edit, new_value: bool) -> Result<(), Error>;
}

impl Apply for Head {
    fn apply(&mut self, edit: &Edit, new_value: bool) -> Result<(), Error> {
        // An expiry is of a value: a new value does not inherit it.
        if new_value {
            self.expires_at = None;
        }
        fn set<T: Clone>(field: &mut T, to: Option<&T>) {
            if let Some(to) = to {
                field.clone_from(to);
            }
        }
        let new = self.versions.is_empty();
        let looks_like = edit.looks_like.filter(|kind| new || kind.is_secret() && !self.kind.is_secret());
        set(&mut self.kind, edit.kind.or(looks_like).as_ref());
        set(&mut self.provider, edit.provider.as_ref());
        set(&mut self.owner, edit.owner.as_ref());
        set(&mut self.description, edit.description.as_ref());
        set(&mut self.access, edit.access.as_ref());
        set(&mut self.expires_at, edit.expires_at.as_ref());
        set(&mut self.rotate_every_days, edit.rotate_every_days.as_ref());
        set(&mut self.tags, edit.tags.as_ref());
        set(&mut self.as_file, edit.as_file.as_ref());
        set(&mut self.max_versions, edit.max_versions.as_ref());
        let free =
            [&self.owner, &self.description, &self.provider].into_iter().flatten().map(String::len).sum::<usize>()
                + self.tags.iter().map(String::len).sum::<usize>();
        check_texts(edit)?;
        if free > MAX_METADATA {
            return Err(Error::Refused(format!(
                "owner, description and tags have {free} bytes, {MAX_METADATA} are allowed"
            )));
        }
        if self.max_versions == Some(0) {
            return Err(Error::Refused("at least one version has to be kept".into()));
        }
        if self.is_secret() {
            self.versions.iter_mut().for_each(|version| version.secret = true);
        }
        Ok(())
    }
}

/// What describes a secret is shown to others, on their terminals.
fn check_texts(edit: &Edit) -> Result<(), Error> {
    let given = |text: &Option<Option<String>>| text.clone().flatten().unwrap_or_default();
    let tags = edit.tags.iter().flatten().map(|tag| ("a tag", tag.clone(), false));
    let texts = [
        ("the provider", given(&edit.provider), false),
        ("the owner", given(&edit.owner), false),
        ("the description", given(&edit.description), true),
    ];
    match texts.into_iter().chain(tags).find(|(_, text, lines)| !is_plain(text, *lines)) {
        None => Ok(()),
        Some((what, ..)) => Err(Error::Refused(format!(
            "{what} has control characters, or marks that turn the direction of writing: leave them out"
        ))),
    }
}

/// Whether what was stored as no secret counts as one from now on.
fn becomes_secret(before: &Head, after: &Head) -> bool {
    !before.versions.is_empty() && !before.kind.is_secret() && after.kind.is_secret()
}

/// What it was before, where it is called something else now.
fn rekinded(before: &Head, after: &Head, names: Names) -> Names {
    if before.versions.is_empty() || before.kind == after.kind {
        return names;
    }
    names.with("kind", format!("{} to {}", before.kind, after.kind))
}

/// Destroys the oldest values beyond `max_versions`.
fn destroy_surplus(change: &mut Change<'_>, head: &mut Head) {
    let Some(max) = head.max_versions else { return };
    let live = head.versions.iter().filter(|v| v.state != VersionState::Destroyed).count();
    let surplus = live.saturating_sub(max as usize);
    let oldest = head.versions.iter_mut().filter(|v| v.state != VersionState::Destroyed).take(surplus);
    for version in oldest {
        version.state = VersionState::Destroyed;
        let key = head.place.version_key(version.version);
        change.delete::<Sealed>(key.clone());
        change.delete::<MatchRow>(key);
    }
}

/// A conflict in the store, in the user's words.
pub(crate) fn raced(error: Error, what: &str) -> Error {
    match error {
        Error::Store(keyward_store::Error::Conflict(_)) => Error::Raced(what.to_owned()),
        other => other,
    }
}
