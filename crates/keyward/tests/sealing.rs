//! A server that starts sealed, is opened with shares, and gives its keys up again.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::process::{Child, Stdio};

use keyward_testing::Program;
use keyward_testing::doubles::{Double, Relay, Trouble};
use keyward_testing::moto::Moto;
use serde_json::Value;

/// A vault with a key file and a slot of two of three shares, and a server of it.
struct Server {
    program: Program,
    shares: Vec<String>,
    child: Option<Child>,
    url: String,
}

impl Server {
    fn of_vault() -> Self {
        let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
        program.ok(&["init", "--yes", "--project", "shop"], b"");
        program.ok(&["set", "KEPT"], b"what lies in the vault");
        let shares = program.ok(&["slot", "add", "shamir", "--shares", "3", "--threshold", "2"], b"").out();
        let shares: Vec<String> = shares.lines().filter(|line| line.starts_with("KWS-")).map(str::to_owned).collect();
        assert_eq!(shares.len(), 3);
        Self { program, shares, child: None, url: String::new() }
    }

    /// A vault with a key file and a slot of AWS KMS, which is reached by a relay.
    fn of_kms() -> (Self, Moto, Double<Relay>) {
        let moto = Moto::start();
        let pair = moto.user("node", "kms%3A*");
        let arn = moto.kms_key(&pair, "eu-central-1");
        let (relay, (id, secret)) = (Double::start(Relay::to(&moto.url())), pair.split_once(':').unwrap());
        let program = Program::new(env!("CARGO_BIN_EXE_keyward"))
            .with("AWS_ACCESS_KEY_ID", id)
            .with("AWS_SECRET_ACCESS_KEY", secret)
            .with("KEYWARD_UPSTREAM_HOSTS", format!("kms.eu-central-1.amazonaws.com={}", relay.url()));
        program.ok(&["init", "--yes", "--project", "shop"], b"");
        program.ok(&["set", "KEPT"], b"what lies in the vault");
        program.ok(&["slot", "add", "kms", "--key-id", &arn], b"");
        (Self { program, shares: Vec::new(), child: None, url: String::new() }, moto, relay)
    }

    fn kept(&self) -> String {
        self.program.ok(&["get", "KEPT", "-p", "shop"], b"").out()
    }

    /// Starts it with this slot, and answers whether it is sealed.
    fn start(&mut self, unlock: &str) -> bool {
        self.start_on("", unlock)
    }

    /// The same with this in the configuration of where it listens.
    fn start_on(&mut self, listen: &str, unlock: &str) -> bool {
        let config = self.program.home.root().join("server.toml");
        let text = format!("[[listen]]\naddress = '127.0.0.1:0'\n{listen}\n[unlock]\n{unlock}\n");
        std::fs::write(&config, text).unwrap();
        let mut command = self.program.command(&["serve", "--json", "--config", config.to_str().unwrap()]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (mut text, mut lines) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
        while serde_json::from_str::<Value>(&text).is_err() {
            assert!(lines.read_line(&mut text).unwrap() > 0, "it ended: {text}");
        }
        self.child = Some(child);
        let said: Value = serde_json::from_str(&text).unwrap();
        self.url = said["urls"][0].as_str().unwrap().to_owned();
        said["sealed"].as_bool().unwrap()
    }

    fn state(&self) -> (bool, u64) {
        let said: Value = serde_json::from_str(&self.program.ok(&["seal", "--status", "--json"], b"").out()).unwrap();
        (said["sealed"].as_bool().unwrap(), said["given"].as_u64().unwrap())
    }

    /// Whether these bytes are anywhere in the memory of the process that it may write to.
    fn remembers(&self, bytes: &[u8]) -> bool {
        let process = format!("/proc/{}", self.child.as_ref().unwrap().id());
        let mut memory = std::fs::File::open(format!("{process}/mem")).expect("tests may read their children's memory");
        let maps = std::fs::read_to_string(format!("{process}/maps")).unwrap();
        maps.lines().filter(|line| line.contains(" rw-p ")).any(|line| {
            let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
            let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
            let mut page = vec![0; usize::try_from(to - from).unwrap()];
            memory.seek(SeekFrom::Start(from)).unwrap();
            // Pages that nobody touched, and the kernel's own, cannot be read.
            memory.read_exact(&mut page).is_ok() && page.windows(bytes.len()).any(|window| window == bytes)
        })
    }

    /// The private half of the vault's key-file slot.
    fn private_half(&self) -> (String, Vec<u8>) {
        let files = std::fs::read_dir(self.program.home.keys()).unwrap().flatten().map(|entry| entry.path());
        let path = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "key")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("KEYWARD-KEY-1-")).unwrap();
        let bytes = data_encoding::BASE64URL_NOPAD.decode(line.as_bytes()).unwrap();
        (path.display().to_string(), bytes[..32].to_vec())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_server_without_a_usable_slot_starts_sealed_and_shares_open_it() {
    let mut server = Server::of_vault();
    assert!(server.start("shares = true"));
    assert_eq!(server.state(), (true, 0));
    let refused = server.program.run(&["get", "KEPT", "-p", "shop"]);
    assert_eq!(refused.code, Some(5), "{refused}");
    assert!(refused.err().contains("keyward unseal"), "{refused}");
    let first = server.program.ok(&["unseal"], server.shares[1].as_bytes());
    assert!(first.err().contains("1 of 2 shares are given"), "{first}");
    let wrong = server.program.run_with(&["unseal"], b"KWS-1234");
    assert_eq!(wrong.code, Some(2), "{wrong}");
    assert_eq!(server.state(), (true, 1), "what others gave is kept");
    server.program.ok(&["unseal"], server.shares[2].as_bytes());
    assert_eq!(server.program.ok(&["get", "KEPT", "-p", "shop"], b"").out(), "what lies in the vault");
    let log = server.program.ok(&["audit", "log", "--json"], b"").out();
    assert!(log.contains("vault.unlock") && log.contains("system:seal"), "{log}");
    server.program.ok(&["audit", "verify"], b"");
}

#[test]
fn a_key_of_kms_opens_a_server_as_soon_as_kms_answers_and_not_against_who_sealed_it() {
    let (mut server, _moto, relay) = Server::of_kms();
    let (path, _) = server.private_half();
    std::fs::remove_file(path).unwrap();
    relay.trouble("CiphertextBlob", Trouble::NeverArrives);
    assert!(server.start("kms = true"), "nobody answered, so that it starts sealed");
    let started = std::time::Instant::now();
    while server.state().0 {
        assert!(started.elapsed() < std::time::Duration::from_secs(30), "it does not open by itself");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(server.kept(), "what lies in the vault");
    // There are no shares: it is the key of KMS by which it can be opened again.
    server.program.ok(&["seal", "--yes"], b"");
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert!(server.state().0, "what somebody has sealed stays sealed");
    relay.trouble("CiphertextBlob", Trouble::Fails(503));
    let refused = server.program.run(&["unseal", "--kms"]);
    assert_eq!(refused.code, Some(5), "{refused}");
    assert!(refused.err().contains("AWS KMS"), "{refused}");
    server.program.ok(&["unseal", "--kms"], b"");
    server.program.ok(&["unseal", "--kms"], b"");
    assert_eq!(server.kept(), "what lies in the vault");
    let log = server.program.ok(&["audit", "log", "--json"], b"").out();
    assert!(log.contains("vault.lock") && log.contains("vault.unlock"), "{log}");
    server.program.ok(&["audit", "verify"], b"");
}

#[test]
fn a_server_that_waits_for_shares_is_not_opened_by_kms() {
    let mut server = Server::of_vault();
    assert!(server.start("shares = true"));
    let refused = server.program.run(&["unseal", "--kms"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.err().contains("kms = true"), "{refused}");
    assert!(server.state().0);
}

#[test]
fn a_slot_that_is_not_there_seals_and_one_that_is_wrong_is_told() {
    let mut server = Server::of_vault();
    assert!(server.start("key_file = '/nowhere/vault.key'"));
    assert_eq!(server.state(), (true, 0));
    let both = [server.shares[0].as_str(), &server.shares[1]].join("\n");
    let opened = server.program.ok(&["unseal", "--json"], both.as_bytes());
    assert!(opened.out().contains("\"sealed\": false") || opened.out().contains("\"sealed\":false"), "{opened}");
}

#[test]
fn a_sealed_server_has_forgotten_its_keys() {
    let mut server = Server::of_vault();
    let (path, private) = server.private_half();
    assert!(!server.start(&format!("key_file = '{path}'")));
    assert_eq!(server.program.ok(&["get", "KEPT", "-p", "shop"], b"").out(), "what lies in the vault");
    assert!(server.remembers(&private), "it has to open a new root with it");
    let unasked = server.program.run(&["seal"]);
    assert_eq!(unasked.code, Some(2), "{unasked}");
    server.program.ok(&["seal", "--yes", "--reason", "a drill"], b"");
    assert_eq!(server.state(), (true, 0));
    assert!(!server.remembers(&private), "a key is left in memory");
    assert_eq!(server.program.run(&["get", "KEPT", "-p", "shop"]).code, Some(5));
    let both = [server.shares[0].as_str(), &server.shares[2]].join("\n");
    server.program.ok(&["unseal"], both.as_bytes());
    let log = server.program.ok(&["audit", "log", "--json"], b"").out();
    assert!(log.contains("vault.lock") && log.contains("a drill"), "{log}");
}

#[test]
fn a_vault_without_shares_is_not_sealed() {
    let mut server = Server::of_vault();
    let slots: Value = serde_json::from_str(&server.program.ok(&["slot", "list", "--json"], b"").out()).unwrap();
    let of_shares = slots["slots"].as_array().unwrap().iter().find(|slot| slot["kind"] == "shamir").unwrap();
    server.program.ok(&["slot", "remove", of_shares["id"].as_str().unwrap(), "--yes"], b"");
    let (path, _) = server.private_half();
    assert!(!server.start(&format!("key_file = '{path}'")));
    let refused = server.program.run(&["seal", "--yes"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.err().contains("slot add shamir"), "{refused}");
    assert_eq!(server.state(), (false, 0));
}

#[test]
fn shares_are_given_from_other_machines_over_tls_by_who_is_nobody_there() {
    let mut server = Server::of_vault();
    let folder = server.program.home.root().join("ca");
    let folder = folder.to_str().unwrap().to_owned();
    server.program.ok(&["ca", "init", "--folder", &folder], b"");
    server.program.ok(&["ca", "issue", "localhost", "127.0.0.1", "--folder", &folder], b"");
    let tls = format!("tls = {{ certificate = '{folder}/localhost.pem', key = '{folder}/localhost.key' }}");
    assert!(server.start_on(&tls, "shares = true"));
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let holder = || Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_CA", format!("{folder}/ca.pem"));
    let give = |holder: &Program, share: &str| holder.run_with(&["unseal", "--server", &server.url], share.as_bytes());
    // Who does not know the authority gives nothing to whoever answers there.
    let stranger = Program::new(env!("CARGO_BIN_EXE_keyward"));
    let refused = give(&stranger, &server.shares[0]);
    assert_eq!(refused.code, Some(70), "{refused}");
    assert!(refused.err().contains("certificate"), "{refused}");
    assert_eq!(server.state(), (true, 0));
    let (ada, bob) = (holder(), holder());
    let first = give(&ada, &server.shares[0]);
    assert!(first.code == Some(0) && first.err().contains("1 of 2 shares are given"), "{first}");
    let wrong = give(&bob, "KWS-1234");
    assert_eq!(wrong.code, Some(2), "{wrong}");
    assert!(wrong.err().contains(&server.url) && !wrong.err().contains("KWS-1234"), "{wrong}");
    assert_eq!(give(&bob, " \n").code, Some(2));
    assert_eq!(server.state(), (true, 1), "what others gave is kept");
    let second = bob.run_with(&["unseal", "--json", "--server", &server.url], server.shares[2].as_bytes());
    let said: Value = serde_json::from_str(&second.out()).unwrap();
    assert_eq!(said["sealed"], false, "{second}");
    assert_eq!(server.program.ok(&["get", "KEPT", "-p", "shop"], b"").out(), "what lies in the vault");
    let again = give(&ada, &server.shares[0]);
    assert!(again.code == Some(0) && again.err().contains("the server is open"), "{again}");
    let log = server.program.ok(&["audit", "log", "--json"], b"").out();
    assert!(log.contains("vault.unlock") && log.contains(" unseal\""), "with what program it was opened: {log}");
}
