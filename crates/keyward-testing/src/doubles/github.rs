use serde_json::json;

use super::{Reply, Request, Service, drawn};

/// GitHub's `GET /user` and `POST /credentials/revoke`, which takes no `Authorization` and is
/// carried out later. As @octokit/openapi-types 29 has it.
#[derive(Default)]
pub struct GitHub {
    tokens: Vec<String>,
    revoked: Vec<(String, u32)>,
    /// How often a revoked token is still taken.
    pub lag: u32,
}

impl GitHub {
    /// With one token; gives it too.
    pub fn new() -> (Self, String) {
        let mut double = Self::default();
        let first = double.make();
        (double, first)
    }

    /// What a person does in his settings.
    pub fn make(&mut self) -> String {
        let value = format!("{}{}_{}", "github_pat_", drawn(22), drawn(59));
        self.tokens.push(value.clone());
        value
    }

    /// How many tokens work or still work.
    pub fn live(&self) -> usize {
        self.tokens.len()
    }
}

impl Service for GitHub {
    const HOSTS: &'static [&'static str] = &["api.github.com"];

    fn answer(&mut self, request: &Request) -> Reply {
        let (method, path) = request.route();
        match (method, path.as_slice()) {
            ("GET", ["user"]) => {
                let value = request.bearer().unwrap_or_default().to_owned();
                if let Some((_, left)) = self.revoked.iter_mut().find(|(token, _)| *token == value) {
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        self.tokens.retain(|token| *token != value);
                    }
                }
                match self.tokens.contains(&value) {
                    true => Reply::json(200, &json!({ "login": "octocat", "id": 1 })),
                    false => Reply::json(401, &json!({ "message": "Bad credentials", "status": "401" })),
                }
            }
            ("POST", ["credentials", "revoke"]) if request.header("authorization").is_some() => {
                Reply::json(403, &json!({ "message": "as documented" }))
            }
            ("POST", ["credentials", "revoke"]) => {
                let body = request.json();
                let Some(values) = body["credentials"].as_array() else {
                    return Reply::json(422, &json!({ "message": "Validation Failed" }));
                };
                let values: Vec<String> = values.iter().filter_map(|value| Some(value.as_str()?.to_owned())).collect();
                match self.lag {
                    0 => self.tokens.retain(|token| !values.contains(token)),
                    lag => self.revoked.extend(values.into_iter().map(|value| (value, lag))),
                }
                Reply::json(202, &json!({}))
            }
            _ => Reply::json(404, &json!({ "message": "Not Found" })),
        }
    }
}
