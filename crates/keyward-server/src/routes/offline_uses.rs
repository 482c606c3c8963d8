//! What clients used of what they had kept while this server was not reached.

use std::sync::Arc;

use axum::Json;
use keyward_client::{Desk, OfflineUse, Purpose, Where};
use keyward_types::{EnvironmentName, ProjectName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::moment;
use crate::app::App;
use crate::asker::Asker;
use crate::input::Input;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(report_offline_uses))
}

/// What a client used.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Uses {
    /// A line an environment and purpose, at most 1000.
    #[schema(max_items = 1000)]
    uses: Vec<Use>,
}

/// Values of one environment for one purpose.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Use {
    #[schema(value_type = String)]
    project: ProjectName,
    #[schema(value_type = String)]
    environment: EnvironmentName,
    /// `read` or `run`.
    #[schema(value_type = String)]
    purpose: Purpose,
    /// How many values, each as often as it was given out.
    #[schema(minimum = 1)]
    count: u64,
    /// The first time, by the client's clock (RFC 3339).
    first: String,
    /// The last time.
    last: String,
}

/// How many lines went on record.
#[derive(Debug, Serialize, ToSchema)]
struct Reported {
    lines: u64,
}

/// Put on record what was used offline of what this server had let be kept.
#[utoipa::path(
    post, path = "/offline-uses", tag = "values", request_body = Uses, responses((status = 200, body = Reported))
)]
async fn report_offline_uses(asker: Asker, input: Input<Uses>) -> Result<Json<Reported>> {
    let lines = asker.ask(move |desk| {
        let uses = input.parse()?.uses.into_iter().map(Use::known).collect::<Result<Vec<_>>>()?;
        let lines = uses.len() as u64;
        desk.report_offline(uses)?;
        Ok(lines)
    });
    Ok(Json(Reported { lines: lines.await? }))
}

impl Use {
    fn known(self) -> Result<OfflineUse> {
        Ok(OfflineUse {
            at: Where { project: self.project, environment: self.environment },
            purpose: self.purpose,
            count: self.count,
            first: moment("first", &self.first)?,
            last: moment("last", &self.last)?,
        })
    }
}
