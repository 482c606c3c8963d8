//! A vault with people in it.

use keyward_access::{Identity, Login, Role, Subject};
use keyward_testing::TestVault;
use keyward_types::token::PlainToken;
use keyward_types::{Kind, Secret};
use keyward_vault::{Actor, Edit, Error, Loaded, NewToken, NewValue, Reach, Scope, Via};

/// A vault with an owner.
pub(crate) struct Team {
    pub(crate) desk: TestVault,
}

pub(crate) const VALUE: &str = "a-value-that-nobody-guesses-4711";

impl Team {
    pub(crate) fn new(seed: u64) -> Self {
        let desk = TestVault::new(seed);
        desk.set("DB_URL", VALUE).unwrap();
        desk.set("db/main/password", "another-value-that-nobody-guesses").unwrap();
        let team = Self { desk };
        let founder = team.owner().principal().clone();
        team.desk.vault.change_login(team.owner(), &founder, &login("founder")).unwrap();
        let production = team.scope("production");
        team.desk
            .vault
            .write(team.owner(), &production, vec![new_value("DB_URL", "a-value-of-production-815")])
            .unwrap();
        team
    }

    pub(crate) fn owner(&self) -> &Actor {
        &self.desk.actor
    }

    pub(crate) fn user(&self, name: &str) -> Identity {
        self.desk.vault.add_user(self.owner(), &login(name), "").unwrap()
    }

    pub(crate) fn service(&self, name: &str, owner: &Identity) -> Identity {
        self.desk.vault.add_service_account(self.owner(), &login(name), "", &owner.principal).unwrap()
    }

    /// Somebody with a role in this place: ``, `shop` or `shop/production`.
    pub(crate) fn member(&self, name: &str, role: Role, place: &str) -> Identity {
        let account = self.user(name);
        self.grant(&account, role, place);
        account
    }

    pub(crate) fn grant(&self, account: &Identity, role: Role, place: &str) {
        let subject = Subject::Principal(account.principal.clone());
        self.desk.vault.grant(self.owner(), &subject, role, &self.reach(place), None).unwrap();
    }

    pub(crate) fn reach(&self, place: &str) -> Reach {
        let mut parts = place.split('/').filter(|part| !part.is_empty());
        let project = parts.next().map(|name| name.parse().unwrap());
        let environment = parts.next().map(|name| name.parse().unwrap());
        self.desk.vault.reach(self.owner(), project.as_ref(), environment.as_ref()).unwrap()
    }

    pub(crate) fn scope(&self, environment: &str) -> Scope {
        self.desk.vault.scope(&"shop".parse().unwrap(), &environment.parse().unwrap()).unwrap()
    }

    /// Somebody as he stands now.
    pub(crate) fn acting(&self, account: &Identity) -> Actor {
        Actor::new(self.desk.vault.caller_of(&account.principal).unwrap(), "test")
    }

    pub(crate) fn token(&self, actor: &Actor, new: NewToken) -> Result<PlainToken, Error> {
        self.desk.vault.create_token(actor, new).map(|(token, _)| token)
    }

    pub(crate) fn with_token(&self, token: &PlainToken) -> Result<Actor, Error> {
        Ok(Actor::new(self.desk.vault.caller_of_token(token, None)?, "test"))
    }

    pub(crate) fn read(&self, actor: &Actor, environment: &str, name: &str) -> Result<String, Error> {
        let loaded: Loaded = self.desk.vault.load(actor, &self.scope(environment), &name.parse().unwrap(), None)?;
        let opened = self.desk.vault.read(actor, vec![loaded], Via::Read)?;
        Ok(String::from_utf8(opened[0].value.expose().clone()).unwrap())
    }

    /// Names that an environment shows.
    pub(crate) fn names(&self, actor: &Actor, environment: &str) -> Result<Vec<String>, Error> {
        let heads = self.desk.vault.heads(actor, &self.scope(environment))?;
        Ok(heads.iter().map(|head| head.name.to_string()).collect())
    }
}

pub(crate) fn login(text: &str) -> Login {
    text.parse().unwrap()
}

pub(crate) fn scopes(texts: &[&str]) -> Vec<keyward_access::ScopeText> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) fn is_denied<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Denied(_)))
}

pub(crate) fn is_refused<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Refused(_)))
}

pub(crate) fn new_value(name: &str, value: &str) -> NewValue {
    NewValue {
        name: name.parse().unwrap(),
        value: Secret::new(name.to_owned(), value.as_bytes().to_vec()),
        bits: 128,
        edit: Edit { kind: Some(Kind::Password), ..Edit::default() },
    }
}
