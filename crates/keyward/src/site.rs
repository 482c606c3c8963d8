//! Where a command's vault is: on this machine, or at a server. What decides, in this order: the
//! flags, `KEYWARD_ADDR`, the folder that a person bound, else this machine.

use std::path::PathBuf;

use keyward_client::{
    Authority, Code, Failure, Folders, Front, Occasion, Offline, RemoteDesk, Result, ServerAccess, ServerUrl,
};
use keyward_types::Secret;

use crate::context::Context;
use crate::folder::Manifest;
use crate::machine::Machine;

/// A token or session, and who signs the server's certificate.
struct Access {
    token: Option<Secret<String>>,
    ca: Option<PathBuf>,
}

impl Context {
    /// The server that calls go to; none: the vault on this machine.
    pub(crate) fn server(&self) -> Result<Option<ServerUrl>> {
        if self.global.local {
            return Ok(None);
        }
        if let Some(server) = &self.global.server {
            return Ok(Some(server.clone()));
        }
        if let Some(text) = &self.config.server {
            let parsed = text.parse::<ServerUrl>();
            return parsed.map(Some).map_err(|failure| Failure {
                message: format!("`KEYWARD_ADDR` cannot be used: {}", failure.message),
                ..failure
            });
        }
        self.bound_server()
    }

    /// A desk at this server, for whoever `KEYWARD_TOKEN` or `keyward login` says.
    pub(crate) fn desk_at(&self, server: ServerUrl) -> Result<RemoteDesk> {
        self.desk_on(server, self.occasion())
    }

    /// The same, with these words for the log where the person gave none.
    pub(crate) fn desk_at_for(&self, server: ServerUrl, words: String) -> Result<RemoteDesk> {
        self.desk_on(server, self.occasion_for(words))
    }

    /// The same, which keeps what it reads and the server lets be kept.
    pub(crate) fn keeping_desk_at(&self, server: ServerUrl, serves: bool) -> Result<RemoteDesk> {
        let desk = self.desk_at(server.clone())?;
        Ok(match self.kept_of(&server, serves)? {
            Some(kept) => desk.keeping(kept),
            None => desk,
        })
    }

    /// What is kept offline of a server, for whoever `KEYWARD_TOKEN` or `keyward login` says; `None` for
    /// nobody.
    pub(crate) fn kept_of(&self, server: &ServerUrl, serves: bool) -> Result<Option<Offline>> {
        let home = self.home()?;
        let Access { token: Some(token), .. } = self.access_at(server)? else { return Ok(None) };
        let machine = Machine { home: home.clone(), session_bus: self.config.session_bus().map(str::to_owned) };
        Ok(Some(Offline::new(&home, server, token, serves, Box::new(machine))))
    }

    /// The front of a server, for who is nobody there yet.
    pub(crate) fn front_of(&self, server: &ServerUrl) -> Result<Front> {
        let _ = self.asked.set(server.clone());
        Front::new(server.clone(), self.access_at(server)?.ca.as_deref(), &self.occasion().agent)
    }

    /// How one gets in at a server.
    fn access_at(&self, server: &ServerUrl) -> Result<Access> {
        let signed = self.home()?.signed_at(server)?;
        let session = signed.as_ref().map(|signed| Secret::new("session", signed.token.expose().to_owned()));
        let ca = self.config.authority.clone().or(signed.and_then(|signed| signed.ca));
        Ok(Access { token: self.config.token.clone().or(session), ca })
    }

    fn desk_on(&self, server: ServerUrl, occasion: Occasion) -> Result<RemoteDesk> {
        // A command asks one server.
        let _ = self.asked.set(server.clone());
        let Access { token, ca } = self.access_at(&server)?;
        if token.is_none() {
            return Err(Failure::new(Code::Denied, format!("you are not signed in at `{server}`"))
                .hint(format!("`keyward login {server}` signs you in; programs set `KEYWARD_TOKEN`")));
        }
        let authority = ca.map_or(Authority::System, Authority::File);
        let kept = self.home()?.offline_file(&server);
        let access = ServerAccess { url: server, token, authority };
        Ok(RemoteDesk::new(access, &occasion, self.folders()?)?.forgetting(kept))
    }

    /// The bindings of folders to servers.
    pub(crate) fn folders(&self) -> Result<Folders> {
        Ok(Folders::in_home(&self.home()?.folder))
    }

    /// The server that a person bound the folder around here to: the nearest one that is bound, or
    /// none where a nearer one has a project of its own. A folder whose `keyward.toml` asks for
    /// another project now is asked about where it was bound, and so is one whose `keyward.toml`
    /// cannot be understood: no file of a working tree chooses where a command goes.
    fn bound_server(&self) -> Result<Option<ServerUrl>> {
        // Where there is no home, nothing can have been bound.
        let Ok(folders) = self.folders() else { return Ok(None) };
        let Ok(start) = self.current.canonicalize() else { return Ok(None) };
        let mut unclear = None;
        for path in start.ancestors() {
            // What is not UTF-8 cannot be bound.
            let bound = path.to_str().map(|key| folders.of(key)).transpose()?.flatten();
            match (bound, Manifest::read(path)) {
                // Whether the nearer folder has a project of its own, nobody can say.
                (Some(bound), _) => return unclear.map_or_else(|| bound.server.parse().map(Some), Err),
                (None, Ok(Some(_))) => return Ok(None),
                (None, Ok(None)) => {}
                (None, Err(failure)) => unclear = unclear.or(Some(failure)),
            }
        }
        Ok(None)
    }
}
