//! People and programs.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_client::{AccountInfo, Desk, Login};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Params, Part};
use crate::page::Page;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_accounts))
        .routes(routes!(add_user))
        .routes(routes!(add_service_account))
        .routes(routes!(disable_account))
        .routes(routes!(enable_account))
}

/// A person or a program.
#[derive(Debug, Serialize, ToSchema)]
struct Account {
    /// Its id, by which the log knows it.
    principal: String,
    /// `person` or `service`.
    kind: String,
    login: Option<String>,
    name: String,
    /// Who answers for a program.
    owner: Option<String>,
    /// RFC 3339.
    created_at: String,
    /// Since when it may do nothing any more (RFC 3339).
    disabled_at: Option<String>,
    /// How many passkeys sign it in.
    passkeys: u64,
}

/// A page of accounts, disabled ones too.
#[derive(Debug, Serialize, ToSchema)]
struct Accounts {
    accounts: Vec<Account>,
    /// Where the next page begins.
    next: Option<String>,
}

/// A person who is to get an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    /// 1 to 64 of `a-z 0-9 . _ - @`.
    #[schema(value_type = String)]
    login: Login,
    /// What people call him.
    name: String,
}

/// A program that is to get an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewServiceAccount {
    /// 1 to 64 of `a-z 0-9 . _ - @`.
    #[schema(value_type = String)]
    login: Login,
    name: String,
    /// Who answers for it; default: the caller.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    owner: Option<Login>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// Most items of the page, 1 to 1000.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `person` or `service`.
    kind: Option<String>,
}

/// List people and programs.
#[utoipa::path(get, path = "/accounts", tag = "accounts", params(Listing), responses((status = 200, body = Accounts)))]
async fn list_accounts(asker: Asker, Params(query): Params<Listing>) -> Result<Json<Accounts>> {
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let mut accounts = asker.ask(|desk| Ok(desk.accounts()?)).await?;
    accounts.retain(|account| query.kind.as_ref().is_none_or(|kind| account.kind == *kind));
    accounts.sort_by(|a, b| a.principal.cmp(&b.principal));
    let (accounts, next) = page.cut(accounts, |account| account.principal.as_str());
    Ok(Json(Accounts { accounts: accounts.into_iter().map(Account::from).collect(), next }))
}

/// Make a person's account.
#[utoipa::path(post, path = "/users", tag = "accounts", request_body = NewUser, responses((status = 201, body = Account)))]
async fn add_user(asker: Asker, input: Input<NewUser>) -> Result<(StatusCode, Json<Account>)> {
    let made = asker.ask(move |desk| {
        let NewUser { login, name } = input.parse()?;
        Ok(desk.add_user(login, name)?)
    });
    Ok((StatusCode::CREATED, Json(made.await?.into())))
}

/// Make a program's account.
#[utoipa::path(
    post, path = "/service-accounts", tag = "accounts",
    request_body = NewServiceAccount, responses((status = 201, body = Account))
)]
async fn add_service_account(asker: Asker, input: Input<NewServiceAccount>) -> Result<(StatusCode, Json<Account>)> {
    let made = asker.ask(move |desk| {
        let NewServiceAccount { login, name, owner } = input.parse()?;
        Ok(desk.add_service_account(login, name, owner)?)
    });
    Ok((StatusCode::CREATED, Json(made.await?.into())))
}

/// End an account's rights at once, and its tokens for ever.
#[utoipa::path(post, path = "/accounts/{login}/disable", tag = "accounts", responses((status = 200, body = Account)))]
async fn disable_account(asker: Asker, Part(login): Part<Login>) -> Result<Json<Account>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.disable_account(login)?)).await?.into()))
}

/// Let an account act again.
#[utoipa::path(post, path = "/accounts/{login}/enable", tag = "accounts", responses((status = 200, body = Account)))]
async fn enable_account(asker: Asker, Part(login): Part<Login>) -> Result<Json<Account>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.enable_account(login)?)).await?.into()))
}

impl From<AccountInfo> for Account {
    fn from(known: AccountInfo) -> Self {
        Self {
            principal: known.principal,
            kind: known.kind,
            login: known.login.map(|login| login.to_string()),
            name: known.name,
            owner: known.owner,
            created_at: known.created_at.to_string(),
            disabled_at: known.disabled_at.map(|at| at.to_string()),
            passkeys: known.passkeys,
        }
    }
}
