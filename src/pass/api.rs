//! `/api/v1/spaces/{space}/passes`: what a team's programs do with its passes. The rules are the form's.

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use backstage_core::PassId;
use backstage_core::access::Opens;
use backstage_core::space::Space;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::form::Typed;
use super::offer;
use super::routes::{at_field, find, ids, opens_anew};
use super::store::{self, Pass};
use crate::api::answers::{Counted, Judged, Team};
use crate::api::body;
use crate::api::words::PassStatus;
use crate::audit::{self, Action};
use crate::error::Problem;
use crate::security::visitor::Visit;
use crate::studio::routes::{Wants, find_space};

/// Which experiences a pass opens: `all`, also those to come, or `only` those that are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Every one.
    #[default]
    All,
    /// Those of `experiences`.
    Only,
}

/// A pass, as everybody may see it.
#[derive(Serialize, ToSchema)]
pub struct Offer {
    id: String,
    /// Address part, unique in its space.
    #[schema(max_length = 48)]
    slug: String,
    #[schema(max_length = 60)]
    name: String,
    #[schema(max_length = 160)]
    headline: String,
    /// Markdown.
    #[schema(max_length = 4000)]
    description: String,
    opens: Reach,
    /// Ids of the experiences that it opens, with `only`.
    experiences: Vec<String>,
    /// From taking it to its end; null has no end.
    #[schema(minimum = 1, maximum = 3650)]
    days: Option<u16>,
    /// Selected first on the sales page.
    is_default: bool,
    /// Path of its page.
    url: String,
}

impl Offer {
    /// Of a pass of `space`.
    pub fn of(space: &Space, pass: &Pass) -> Offer {
        let terms = &pass.terms;
        let (opens, experiences) = match &terms.opens {
            Opens::All => (Reach::All, vec![]),
            Opens::Only(list) => (Reach::Only, list.iter().map(ToString::to_string).collect()),
        };
        Offer {
            id: pass.id.to_string(),
            slug: terms.slug.to_string(),
            name: terms.name.clone(),
            headline: terms.headline.clone(),
            description: terms.description.clone(),
            opens,
            experiences,
            days: terms.days,
            is_default: pass.is_default,
            url: format!("/{}/{}", space.settings.slug, terms.slug),
        }
    }
}

/// A pass, as its team sees it.
#[derive(Serialize, ToSchema)]
struct TeamPass {
    #[serde(flatten)]
    offer: Offer,
    /// What only the team reads.
    #[schema(max_length = 60)]
    internal_name: String,
    #[schema(value_type = PassStatus)]
    status: &'static str,
}

impl TeamPass {
    fn of(space: &Space, pass: &Pass) -> TeamPass {
        let internal_name = pass.terms.internal_name.clone();
        TeamPass { offer: Offer::of(space, pass), internal_name, status: pass.terms.status.as_str() }
    }
}

/// Passes of a team's space.
#[derive(Serialize, ToSchema)]
struct TeamPasses {
    /// In the team's order, drafts and archived ones among them; at most 50.
    passes: Vec<TeamPass>,
}

/// What a team sets of a pass. White space at the ends and control characters are taken out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PassTerms {
    /// `a-z`, `0-9` and single dashes inside; unique in its space.
    #[schema(min_length = 1, max_length = 48, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
    slug: String,
    /// What people read.
    #[schema(min_length = 1, max_length = 60)]
    name: String,
    /// What only the team reads.
    #[serde(default)]
    #[schema(max_length = 60)]
    internal_name: String,
    /// One sentence.
    #[serde(default)]
    #[schema(max_length = 160)]
    headline: String,
    /// Markdown.
    #[serde(default)]
    #[schema(max_length = 4000)]
    description: String,
    /// `draft`: seen by the team only. `published`: on offer. `archived`: no longer on offer; who holds it keeps it.
    #[schema(value_type = PassStatus)]
    status: String,
    #[serde(default)]
    opens: Reach,
    /// Ids of experiences, with `only`; those of other spaces are left out.
    #[serde(default)]
    #[schema(max_items = 200)]
    experiences: Vec<String>,
    /// From taking it to its end; null has no end.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 3650)]
    days: Option<u32>,
}

impl PassTerms {
    fn read(body: &[u8]) -> Result<Typed, Problem> {
        let terms: PassTerms = body::object(body).map_err(|_| {
            Problem::bad_request(
                r#"The body cannot be read. Send {"slug": "week", "name": "Week", "status": "draft"}; also: internal_name, headline, description, opens ("all" or "only"), experiences, days."#,
            )
        })?;
        Ok(terms.typed())
    }

    /// As the form sends it, so that one set of rules judges both.
    fn typed(self) -> Typed {
        let opens = if self.opens == Reach::Only { "only" } else { "all" };
        let fields = [
            ("slug", self.slug),
            ("name", self.name),
            ("internal_name", self.internal_name),
            ("headline", self.headline),
            ("description", self.description),
            ("status", self.status),
            ("opens", opens.to_string()),
            ("days", self.days.map(|days| days.to_string()).unwrap_or_default()),
        ];
        let named = self.experiences.into_iter().map(|id| ("experience", id));
        Typed::from(fields.into_iter().chain(named).map(|(name, value)| (name.to_string(), value)).collect::<Vec<_>>())
    }
}

/// Every pass of a space, drafts too.
#[utoipa::path(
    get, path = "/api/v1/spaces/{space}/passes", operation_id = "passes", tag = "team",
    params(("space" = String, Path, description = "Address part", min_length = 1, max_length = 48)),
    responses((status = 200, description = "The passes", body = TeamPasses), Team),
)]
pub async fn index(at: Visit, slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let space = find_space(&at, &slug, Wants::Edit).await?;
    let passes = offer::passes(&at.state, &space.id).await?;
    let passes = passes.iter().map(|pass| TeamPass::of(&space, pass)).collect();
    Ok(HttpResponse::Ok().json(TeamPasses { passes }))
}

/// Makes a pass, behind those that are there. A space has up to 50.
#[utoipa::path(
    post, path = "/api/v1/spaces/{space}/passes", operation_id = "make_pass", tag = "team",
    params(("space" = String, Path, description = "Address part", min_length = 1, max_length = 48)),
    request_body = PassTerms,
    responses(
        (status = 201, description = "The pass; `Location` is its address in the API", body = TeamPass,
         headers(("Location" = String, description = "Path of the pass in the API"))),
        Team, Judged, Counted,
    ),
)]
pub async fn create(at: Visit, slug: web::Path<String>, body: web::Bytes) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let space = find_space(&at, &slug, Wants::Edit).await?;
    state.limits.writes_per_network.take(&at.network())?;
    let terms = PassTerms::read(&body)?.terms(&ids(state, &space).await?).map_err(Problem::invalid)?;
    let id = PassId::parse(&state.ids.next()).map_err(Problem::internal)?;
    let pass = Pass { id, space: space.id.clone(), terms, is_default: false };
    if let Err(error) = store::add(&state.db, &pass, state.clock.now()).await {
        return Err(Problem::invalid(at_field(error)?));
    }
    let address = format!("/api/v1/spaces/{}/passes/{}", space.settings.slug, pass.terms.slug);
    let saved = saved(&at, &space, &pass.id).await?;
    Ok(HttpResponse::Created().insert_header((LOCATION, address)).json(saved))
}

/// One pass of a space, a draft too.
#[utoipa::path(
    get, path = "/api/v1/spaces/{space}/passes/{pass}", operation_id = "pass", tag = "team",
    params(
        ("space" = String, Path, description = "Address part", min_length = 1, max_length = 48),
        ("pass" = String, Path, description = "Address part", min_length = 1, max_length = 48),
    ),
    responses((status = 200, description = "The pass", body = TeamPass), Team),
)]
pub async fn show(at: Visit, address: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (space, pass) = find(&at, &address).await?;
    Ok(HttpResponse::Ok().json(TeamPass::of(&space, &pass)))
}

/// Sets a pass anew; what is left out is empty then. People who hold it keep their end; what it opens changes for them too.
#[utoipa::path(
    put, path = "/api/v1/spaces/{space}/passes/{pass}", operation_id = "set_pass", tag = "team",
    params(
        ("space" = String, Path, description = "Address part", min_length = 1, max_length = 48),
        ("pass" = String, Path, description = "Address part, the one before the change", min_length = 1, max_length = 48),
    ),
    request_body = PassTerms,
    responses((status = 200, description = "The pass as it is now", body = TeamPass), Team, Judged, Counted),
)]
pub async fn update(
    at: Visit,
    address: web::Path<(String, String)>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let state = &at.state;
    let (space, pass) = find(&at, &address).await?;
    state.limits.writes_per_network.take(&at.network())?;
    let terms = PassTerms::read(&body)?.terms(&ids(state, &space).await?).map_err(Problem::invalid)?;
    if let Err(error) = store::update(&state.db, &pass.id, &terms, state.clock.now()).await {
        return Err(Problem::invalid(at_field(error)?));
    }
    opens_anew(state, &pass, &terms);
    Ok(HttpResponse::Ok().json(saved(&at, &space, &pass.id).await?))
}

/// The pass as it was written, noted for disputes.
async fn saved(at: &Visit, space: &Space, id: &PassId) -> Result<TeamPass, Problem> {
    audit::record(&at.state, &at.account()?.user, Action::PassSaved, id.as_str()).await?;
    let pass = store::by_id(&at.state.db, id).await?.ok_or_else(Problem::not_found)?;
    Ok(TeamPass::of(space, &pass))
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn the_form_s_rules_judge_a_body() {
        let good =
            br#"{"slug":"week","name":" Week ","status":"draft","opens":"only","experiences":["a","b"],"days":7}"#;
        let terms = PassTerms::read(good).unwrap().terms(&["a".parse().unwrap()]).unwrap();
        assert_eq!((terms.name.as_str(), terms.days, terms.status), ("Week", Some(7), Status::Draft));
        assert_eq!(terms.opens, Opens::Only(vec!["a".parse().unwrap()]));
        for unread in ["", "[]", "{}", r#"{"slug":"a","name":"b","status":"draft","price":1}"#] {
            assert_eq!(PassTerms::read(unread.as_bytes()).err().unwrap().code, "bad_request", "{unread}");
        }
        let wrong = br#"{"slug":"A!","name":"","status":"sold","days":70000}"#;
        let errors = PassTerms::read(wrong).unwrap().terms(&[]).unwrap_err();
        assert!(["slug", "name", "status", "days"].iter().all(|field| errors.of(field).is_some()), "{errors:?}");
    }
}
