//! Tokens.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_client::{Desk, Login, MadeToken, NewTokenInfo, TokenInfo};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::moment;
use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Params, Part};
use crate::page::Page;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_tokens, create_token)).routes(routes!(revoke_token))
}

/// A token, without its text.
#[derive(Debug, Serialize, ToSchema)]
struct Token {
    id: String,
    name: String,
    /// The account whose rights it has a part of.
    account: String,
    /// `live`, `expired`, `revoked` or `used-up`.
    state: String,
    /// Which part; empty: all.
    scopes: Vec<String>,
    read_only: bool,
    /// From where it may be used; empty: from everywhere.
    networks: Vec<String>,
    uses_left: Option<u64>,
    /// RFC 3339.
    expires_at: Option<String>,
    /// RFC 3339.
    revoked_at: Option<String>,
    /// RFC 3339.
    created_at: String,
    created_by: String,
    /// To the hour (RFC 3339).
    last_used: Option<String>,
}

/// A page of tokens.
#[derive(Debug, Serialize, ToSchema)]
struct Tokens {
    tokens: Vec<Token>,
    /// Where the next page begins.
    next: Option<String>,
}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
struct Made {
    /// What its holder sends; it is in this answer and nowhere else.
    text: String,
    token: Token,
}

/// A token to be made: a part of the caller's rights, or of a program's.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct NewToken {
    name: String,
    /// The account whose rights it has a part of; default: the caller's.
    #[schema(value_type = Option<String>)]
    account: Option<Login>,
    /// For example `read:shop/development/*`; empty: all.
    scopes: Vec<String>,
    read_only: bool,
    /// CIDR; empty: from everywhere.
    networks: Vec<String>,
    uses: Option<u64>,
    /// RFC 3339, at most 366 days from now; default: an hour from now, or the end of the token that makes it.
    expires_at: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// Most items of the page, 1 to 1000.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List tokens: one's own and those of one's programs, or all of them for who may list the vault.
#[utoipa::path(get, path = "/tokens", tag = "tokens", params(Listing), responses((status = 200, body = Tokens)))]
async fn list_tokens(asker: Asker, Params(query): Params<Listing>) -> Result<Json<Tokens>> {
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let mut tokens = asker.ask(|desk| Ok(desk.tokens()?)).await?;
    tokens.sort_by(|a, b| a.id.cmp(&b.id));
    let (tokens, next) = page.cut(tokens, |token| token.id.as_str());
    Ok(Json(Tokens { tokens: tokens.into_iter().map(Token::from).collect(), next }))
}

/// Make a token.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = NewToken, responses((status = 201, body = Made)))]
async fn create_token(asker: Asker, input: Input<NewToken>) -> Result<(StatusCode, Json<Made>)> {
    let made = asker.ask(move |desk| Ok(desk.create_token(input.parse()?.info()?)?)).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Revoke a token; it is dead when this is answered.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens", responses((status = 200, body = Token)))]
async fn revoke_token(asker: Asker, Part(id): Part<String>) -> Result<Json<Token>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.revoke_token(id)?)).await?.into()))
}

impl NewToken {
    fn info(self) -> Result<NewTokenInfo> {
        let expires_at = self.expires_at.as_deref().map(|text| moment("expires_at", text)).transpose()?;
        Ok(NewTokenInfo {
            name: self.name,
            account: self.account,
            scopes: self.scopes,
            read_only: self.read_only,
            networks: self.networks,
            uses: self.uses,
            expires_at,
        })
    }
}

impl From<MadeToken> for Made {
    fn from(made: MadeToken) -> Self {
        Self { text: String::from_utf8_lossy(made.text.expose()).into_owned(), token: made.token.into() }
    }
}

impl From<TokenInfo> for Token {
    fn from(known: TokenInfo) -> Self {
        Self {
            id: known.id,
            name: known.name,
            account: known.account,
            state: known.state,
            scopes: known.scopes,
            read_only: known.read_only,
            networks: known.networks,
            uses_left: known.uses_left,
            expires_at: known.expires_at.map(|at| at.to_string()),
            revoked_at: known.revoked_at.map(|at| at.to_string()),
            created_at: known.created_at.to_string(),
            created_by: known.created_by,
            last_used: known.last_used.map(|at| at.to_string()),
        }
    }
}
