use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use data_encoding::HEXLOWER;
use hmac::Mac;
use keyward_access::{About, Caller, Facts, Identity, Object, SecretFacts, authorize};
use keyward_audit::{Action as ActionName, Ed25519Signer, Hash, Integrator, PrivatePart, SealPrivate, VerifierKey};
use keyward_store::{Engine, LogHead, RecordMac, Store, mac_input, peek_header};
use keyward_types::{BindingId, Clock, Head, List, PrincipalId, ProjectId, Random, VaultId};
use zeroize::Zeroizing;

use crate::Error;
use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::counting;
use crate::crypto::Key;
use crate::door::Door;
use crate::header::{FORMAT, Header, SystemKeys};
use crate::held::Held;
use crate::key_table::KeyTable;
use crate::record::Turns;
use crate::records::{self, Environment, Project, StoredKey, stored_key_key};
use crate::ring::KeyRing;
use crate::roster::{Known, owner_binding};
use crate::slot::{Credential, NewSlot, Opener, RootFor, Slot};
use crate::token_uses::TokenUses;

/// An unlocked vault.
pub struct Vault {
    id: VaultId,
    pub(crate) store: Store,
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) tools: Tools,
    pub(crate) turns: Turns,
    pub(crate) counted: counting::Last,
    pub(crate) held: Held,
    pub(crate) known: Known,
    pub(crate) door: Door,
    pub(crate) keys: KeyTable,
    pub(crate) token_uses: TokenUses,
    births: Mutex<()>,
    header: Mutex<Header>,
    /// None for whoever has just made the vault: he had the root before there was a slot.
    pub(crate) opener: Option<Opener>,
    verifier: VerifierKey,
}

/// Bytes of lately used records that a process keeps which answers many requests.
const REMEMBERED: usize = 8 << 20;

/// What the vault takes from the world.
#[derive(Clone)]
pub struct Tools {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives key material and nonces.
    pub random: Arc<dyn Random>,
}

/// What a new vault is made from.
pub struct NewVault<'a> {
    /// The first slots, at least one, with what their owner calls them.
    pub slots: Vec<(NewSlot<'a>, String)>,
    /// What people call the owner.
    pub owner: String,
    /// What program makes it, for the log.
    pub agent: String,
}

impl Vault {
    /// Makes a vault in an empty store.
    ///
    /// # Errors
    /// When the store holds one already, or refuses.
    pub fn create(engine: Box<dyn Engine>, new: &NewVault<'_>, tools: Tools) -> Result<Self, Error> {
        if peek_header(engine.as_ref())?.is_some() {
            return Err(Error::Exists { noun: "vault", name: "in this store".into() });
        }
        if new.slots.is_empty() {
            return Err(Error::Refused("a vault needs at least one key slot".into()));
        }
        let random = &*tools.random;
        let (vault, root, now) = (VaultId::random(random)?, Key::random(random)?, tools.clock.now());
        let (system_keys, log_key) = SystemKeys::generate(&root, vault, random)?;
        let sealed_for = RootFor { key: &root, vault, generation: 1 };
        let slots = new.slots.iter().map(|(slot, label)| Slot::add(slot, label.clone(), &sealed_for, now, random));
        let owner = PrincipalId::try_from(format!("user:{}", keyward_types::SlotId::random(random)?))
            .expect("an id is lower-case letters and digits");
        let header = Header {
            format: FORMAT.to_owned(),
            vault,
            incarnation: incarnation(random)?,
            created_at: now,
            owner: owner.clone(),
            root_generation: 1,
            system_keys,
            log_key,
            slots: slots.collect::<Result<_, _>>()?,
            safe_mode: None,
            mac: String::new(),
        }
        .sealed_by(&root);
        let made = Self::assemble(engine, header, root, tools)?;
        made.record_birth(owner, new)?;
        Ok(made)
    }

    fn record_birth(&self, owner: PrincipalId, new: &NewVault<'_>) -> Result<(), Error> {
        let now = self.tools.clock.now();
        let identity = Identity::owner(owner, new.owner.clone(), now);
        let actor = Actor::new(Caller::identified(&identity), new.agent.clone());
        let mut change = Change::told(self, &actor, Telling::new(ActionName::VaultInit, Object::Vault(self.id())));
        change.expect(keyward_store::Expect::Header { hash: keyward_store::header_hash(&[]) });
        change.header(self.header().bytes());
        change.put(&identity);
        change.put(&owner_binding(BindingId::random(&*self.tools.random)?, &identity.principal, now));
        change.commit()?;
        Ok(())
    }

    /// What can be known of a store's vault before it is opened.
    ///
    /// # Errors
    /// [`Error::Damaged`] when there is none, [`Error::FutureFormat`].
    pub fn peek(engine: &dyn Engine) -> Result<Header, Error> {
        match peek_header(engine)? {
            Some(bytes) => Header::parse(&bytes),
            None => Err(Error::Damaged("the store holds no vault")),
        }
    }

    /// Opens the vault of a store.
    ///
    /// # Errors
    /// [`Error::WrongCredential`] when no slot opens; [`Error::Damaged`] when the header, a key or
    /// the log's head was altered.
    pub fn unlock(engine: Box<dyn Engine>, credential: &Credential<'_>, tools: Tools) -> Result<Self, Error> {
        let header = Self::peek(engine.as_ref())?;
        let (root, opener) = header.open_root(credential)?;
        let vault = Self { opener: Some(opener), ..Self::assemble(engine, header, root, tools)? };
        vault.check_log_head()?;
        Ok(vault)
    }

    pub(crate) fn assemble(engine: Box<dyn Engine>, header: Header, root: Key, tools: Tools) -> Result<Self, Error> {
        let ring = Arc::new(KeyRing::open(&header, root, Arc::clone(&tools.random))?);
        let signer = ring.log_signer(&keyward_audit::checkpoint::origin(&header.vault.to_string()))?;
        let verifier = keyward_audit::Signer::verifier(&signer).clone();
        let store =
            Store::open(engine, Arc::new(HeadMac(Arc::clone(&ring))), Arc::new(SignedHead(Integrator::new(signer))));
        Ok(Self {
            id: header.vault,
            store,
            ring,
            tools,
            turns: Turns::default(),
            counted: counting::Last::default(),
            held: Held::default(),
            known: Known::default(),
            door: Door::default(),
            keys: KeyTable::default(),
            token_uses: TokenUses::default(),
            births: Mutex::default(),
            header: Mutex::new(header),
            opener: None,
            verifier,
        })
    }

    /// From now on keeps lately used records in memory: for a process that owns the store and answers many
    /// requests. They are what lies in the store: values stay sealed.
    pub fn remember(&self) {
        self.store.remember(REMEMBERED);
    }

    /// Whether it keeps any. Nobody does of a store that others change too.
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.store.remembers()
    }

    /// Whoever closes this vault opens it again soon, or somebody waits for it, as for `run` when its
    /// child has ended: the store leaves for later what it does only so that its file alone is the
    /// whole of it.
    pub fn closes_briefly(&self) {
        self.store.engine().closes_briefly();
    }

    fn check_log_head(&self) -> Result<(), Error> {
        let head = self.store.log_head()?;
        let state = head.state.ok_or(Error::Damaged("the log has no head"))?;
        let (_, checkpoint) = keyward_audit::head::Head::open(&state, std::slice::from_ref(&self.verifier))?;
        if checkpoint.size == head.size {
            Ok(())
        } else {
            Err(Error::Damaged("the log and its signed head differ in size"))
        }
    }

    /// The vault's id.
    pub fn id(&self) -> VaultId {
        self.id
    }

    /// A copy of the header.
    pub fn header(&self) -> Header {
        self.header_lock().clone()
    }

    /// The header, unless somebody is replacing it.
    pub(crate) fn try_header_lock(&self) -> Option<MutexGuard<'_, Header>> {
        match self.header.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    pub(crate) fn header_lock(&self) -> MutexGuard<'_, Header> {
        self.header.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock that this vault goes by.
    pub fn clock(&self) -> &dyn Clock {
        &*self.tools.clock
    }

    /// Why nothing irreversible is done at present, if so.
    pub fn safe_mode(&self) -> Option<String> {
        self.header_lock().safe_mode.clone()
    }

    pub(crate) fn refuse_in_safe_mode(&self) -> Result<(), Error> {
        match self.safe_mode() {
            None => Ok(()),
            Some(why) => Err(Error::SafeMode(why)),
        }
    }

    /// The key by which others verify this vault's log.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The owner of the vault as a caller: whoever opened a slot of a local vault.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the owner's record is missing.
    pub fn owner(&self) -> Result<(Identity, Caller), Error> {
        let owner = self.header_lock().owner.clone();
        let identity = records::load::<Identity>(&self.store, owner.as_str().as_bytes())?
            .ok_or(Error::Damaged("the record of the vault's owner is missing"))?
            .record;
        let caller = Caller::opener(&identity);
        Ok((identity, caller))
    }

    /// `project/environment/NAME`, for who may list it.
    pub(crate) fn spell_seen(&self, actor: &Actor, head: &Head) -> Result<Option<String>, Error> {
        let (project, environment) = self.names_of(head.place.project, head.place.environment)?;
        let facts = Facts::secret(&project, &environment, SecretFacts::from(head));
        let seen = authorize::<List>(&actor.caller, &About { object: Object::Secret(head.place, None), facts }).is_ok();
        Ok(seen.then(|| format!("{project}/{environment}/{}", head.name)))
    }

    fn names_of(
        &self,
        project: ProjectId,
        environment: keyward_types::EnvironmentId,
    ) -> Result<(keyward_types::ProjectName, keyward_types::EnvironmentName), Error> {
        let missing = || Error::Damaged("a secret belongs to a project or environment that is missing");
        let key = [&project.as_bytes()[..], environment.as_bytes()].concat();
        let project = records::load::<Project>(&self.store, project.as_bytes())?.ok_or_else(missing)?;
        let environment = records::load::<Environment>(&self.store, &key)?.ok_or_else(missing)?;
        Ok((project.record.name, environment.record.name))
    }

    /// Salt, private part and the commitment to it.
    pub(crate) fn salted(&self, private: &PrivatePart) -> Result<(keyward_audit::private::Salted, Hash), Error> {
        let mut salt = Zeroizing::new([0; 32]);
        self.tools.random.fill(&mut *salt)?;
        let salted = private.salted(&salt);
        let commitment = salted.commitment();
        Ok((salted, commitment))
    }

    /// Whether private parts about this principal can be opened: its key is there.
    pub(crate) fn knows_subject(&self, subject: &PrincipalId) -> Result<bool, Error> {
        if self.ring.has_subject(subject) {
            return Ok(true);
        }
        let Some(row) = records::load::<StoredKey>(&self.store, &stored_key_key(&subject_purpose(subject), 1))? else {
            return Ok(false);
        };
        self.ring.keep_subject(subject.clone(), self.unwrap_key(&row.record.key)?);
        Ok(true)
    }

    /// A key for private parts about a principal who has none. It goes into the change that needs
    /// it first; until that is durable, others who need it wait: what they seal has to open later.
    ///
    /// It is wrapped under `root`, where the change puts that in force; else under the present one,
    /// which the change then has to find.
    pub(crate) fn birth_of(&self, subject: &PrincipalId, root: Option<Key>) -> Result<Option<Birth<'_>>, Error> {
        if self.knows_subject(subject)? {
            return Ok(None);
        }
        // Before waiting for others: one of them may be replacing the header.
        let (root, under) = match root {
            Some(root) => (root, None),
            None => {
                let (root, under) = self.present_root();
                (root, Some(under))
            }
        };
        let alone = self.births.lock().unwrap_or_else(PoisonError::into_inner);
        if self.knows_subject(subject)? {
            return Ok(None);
        }
        let key = Key::random(&*self.tools.random)?;
        let stored = StoredKey { key: self.ring.wrap_under(&root, &key, &subject_purpose(subject), 1)? };
        self.ring.try_subject(subject.clone(), key);
        Ok(Some(Birth { ring: &self.ring, subject: subject.clone(), stored, under, _alone: alone }))
    }
}

/// A principal's key that is not durable yet. Forgotten unless it is [`settled`](Birth::settle).
pub(crate) struct Birth<'a> {
    ring: &'a KeyRing,
    subject: PrincipalId,
    pub(crate) stored: StoredKey,
    /// The header of the root that it is wrapped under, where the change does not bring it.
    pub(crate) under: Option<keyward_store::Expect>,
    _alone: MutexGuard<'a, ()>,
}

impl Birth<'_> {
    /// The key is in the store.
    pub(crate) fn settle(self) {
        self.ring.settle_subject(&self.subject);
    }
}

impl Drop for Birth<'_> {
    fn drop(&mut self) {
        self.ring.drop_trial(&self.subject);
    }
}

impl Header {
    /// The root, through whichever slot the credential opens.
    fn open_root(&self, credential: &Credential<'_>) -> Result<(Key, Opener), Error> {
        let mut refused = None;
        for slot in &self.slots {
            match slot.open(self.vault, self.root_generation, credential) {
                Ok(Some(opened)) => return Ok(opened),
                Ok(None) => {}
                Err(error) => refused = Some(error),
            }
        }
        Err(refused.unwrap_or(Error::WrongCredential(credential.noun())))
    }
}

/// MACs of records under `head-mac`.
struct HeadMac(Arc<KeyRing>);

impl RecordMac for HeadMac {
    fn mac(
        &self,
        collection: &str,
        key: &[u8],
        generation: u64,
        value: &[u8],
        indexes: &[(String, Vec<u8>)],
    ) -> [u8; 32] {
        let mut mac = self.0.head_mac();
        mac_input(collection, key, generation, value, indexes, |bytes| mac.update(bytes));
        mac.finalize().into_bytes().into()
    }
}

/// The audit room's integrator in the form that the store takes.
struct SignedHead(Integrator<Ed25519Signer>);

impl LogHead for SignedHead {
    fn extend(&self, state: Option<&[u8]>, first_index: u64, public: &[&[u8]]) -> Result<Vec<u8>, String> {
        self.0.extend(state, first_index, public).map_err(|error| error.to_string())
    }
}

impl SealPrivate for KeyRing {
    fn seal(&self, subject: &str, plain: &[u8], context: &[u8]) -> Result<Vec<u8>, String> {
        let subject = subject.parse().map_err(|error: keyward_types::Error| error.to_string())?;
        let purpose = keyward_types::Purpose::Subject(subject);
        keyward_types::Keys::seal(self, &purpose, context, plain).map_err(|error| error.to_string())
    }

    fn open(&self, subject: &str, sealed: &[u8], context: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        let subject = subject.parse().map_err(|error: keyward_types::Error| error.to_string())?;
        let purpose = keyward_types::Purpose::Subject(subject);
        match keyward_types::Keys::unseal(self, &purpose, context, sealed) {
            Ok(plain) => Ok(Some(Zeroizing::new(plain))),
            Err(keyward_types::KeyError::Missing) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}

pub(crate) fn subject_purpose(subject: &PrincipalId) -> String {
    format!("subject/{subject}")
}

/// A fresh name for one life of a vault.
pub(crate) fn incarnation(random: &dyn Random) -> Result<String, Error> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes)?;
    Ok(HEXLOWER.encode(&bytes))
}

impl Names {
    pub(crate) fn slot(slot: &Slot) -> Self {
        Self::default()
            .with("slot", slot.id.to_string())
            .with("kind", slot.protection.kind())
            .with("label", &*slot.label)
    }
}
