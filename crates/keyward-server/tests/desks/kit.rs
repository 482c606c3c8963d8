//! A vault, and a desk at it in one of the three forms.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use keyward_client::{
    Agent, Authority, Desk, End, Folders, Home, KeyFile, LocalDesk, NewSlot, NewTokenInfo, NewVault, Occasion,
    RemoteDesk, ServerAccess, SocketDesk, SystemRandom,
};
use keyward_server::{Config, Server, Stop, Tokens};
use keyward_types::Secret;
use keyward_vault::Vault;
use tempfile::TempDir;

/// How a desk is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Local,
    Socket,
    Remote,
}

/// A vault with its desk.
pub(crate) struct Site {
    pub(crate) vault: Arc<Vault>,
    pub(crate) token: String,
    pub(crate) url: String,
    desk: Box<dyn Desk>,
    agent: Option<(Sender<End>, JoinHandle<End>)>,
    server: Option<(Stop, JoinHandle<()>)>,
    folder: TempDir,
}

pub(crate) fn occasion() -> Occasion {
    Occasion { agent: "test".into(), reason: Some("to compare".into()) }
}

impl Site {
    pub(crate) fn new(form: Form) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home { folder: folder.path().join("vault"), keys: folder.path().join("keys") };
        let key = KeyFile::generate(&SystemRandom).unwrap();
        let new = NewVault {
            slots: vec![(NewSlot::KeyFile(&key), "test".into())],
            owner: "Ada".into(),
            agent: "test".into(),
        };
        let owned = home.create(&new).unwrap();
        let vault = owned.vault().unwrap();
        let local = LocalDesk::new(Arc::clone(&vault), occasion()).unwrap();
        let made = local
            .create_token(NewTokenInfo {
                name: "test".into(),
                // Later than that of any token made with it, and the same for every form.
                expires_at: Some(keyward_types::Timestamp(crate::walk::SOON.0 + 30 * 60 * 1000)),
                ..NewTokenInfo::default()
            })
            .unwrap();
        let token = String::from_utf8(made.text.expose().to_vec()).unwrap();
        let mut site = Self {
            vault: Arc::clone(&vault),
            token,
            url: String::new(),
            desk: Box::new(local),
            agent: None,
            server: None,
            folder,
        };
        match form {
            Form::Local => {}
            Form::Socket => {
                let socket = home.socket();
                let agent = Agent::bind(owned).unwrap();
                let (end, ended) = mpsc::channel();
                let tell = end.clone();
                let thread = std::thread::spawn(move || agent.run(Duration::from_secs(600), (end, ended), || true));
                site.agent = Some((tell, thread));
                site.desk = Box::new(SocketDesk::connect(&socket, &occasion()).unwrap());
            }
            Form::Remote => {
                let config = Config::loopback("127.0.0.1:0".parse().unwrap());
                let server = Server::bind(vault, Tokens, config).unwrap();
                site.url = server.urls().remove(0);
                let stop = Stop::new();
                let ends = stop.clone();
                site.server = Some((stop, std::thread::spawn(move || server.run(&ends).unwrap())));
                site.desk = Box::new(site.remote(Some(&site.token)));
            }
        }
        site
    }

    pub(crate) fn desk(&self) -> &dyn Desk {
        &*self.desk
    }

    /// A desk over the API for who holds this token.
    pub(crate) fn remote(&self, token: Option<&str>) -> RemoteDesk {
        let access = ServerAccess {
            url: self.url.parse().unwrap(),
            token: token.map(|token| Secret::new("token", token.to_owned())),
            authority: Authority::System,
        };
        RemoteDesk::new(access, &occasion(), Folders::in_home(self.folder.path())).unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some((tell, thread)) = self.agent.take() {
            let _ = tell.send(End::Asked);
            let _ = thread.join();
        }
        if let Some((stop, thread)) = self.server.take() {
            stop.stop();
            let _ = thread.join();
        }
    }
}
