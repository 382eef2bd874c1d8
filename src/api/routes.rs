//! Every address of the site.

use actix_web::middleware::Compress;
use actix_web::web::{self, ServiceConfig, get, post, resource, scope};

use crate::error::Problem;
use crate::security::shell::BODY_BYTES_MAX;
use crate::{account, admission, assets, dev, experience, home, live, profile, session, space, stream, studio};

use super::preflight;

/// Mounts everything but probes and webhooks. Order matters: `/{space}` comes last.
pub fn mount(config: &mut ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
        .app_data(web::FormConfig::default().limit(BODY_BYTES_MAX).error_handler(|error, _| bad_form(&error).into()))
        .app_data(web::QueryConfig::default().error_handler(|_, _| Problem::bad_request("The address has a part that cannot be read.").into()))
        .app_data(web::PathConfig::default().error_handler(|_, _| Problem::not_found().into()))
        .service(
            scope("/api/v1")
                .route("/experiences/{id}/admission", post().to(admission::routes::create))
                .route("/experiences/{id}/lobby", post().to(stream::routes::lobby))
                .route("/experiences/{id}/go-live", post().to(stream::routes::go_live))
                .route("/experiences/{id}/publisher-token", post().to(stream::routes::publisher_token))
                .route("/experiences/{id}/end", post().to(stream::routes::end))
                .route("/streams/{id}/observe", post().to(stream::routes::observe))
                .route("/streams/{id}/timeline", get().to(stream::routes::timeline_json))
                .route("/preflight", get().to(preflight::show))
                .route("/preflight/uplink", post().to(preflight::uplink)),
        )
        .route("/live/{id}", get().to(live::socket::open))
        .service(scope("/assets").wrap(Compress::default()).route("/{name}", get().to(assets::show)))
        .service(scope("").wrap(Compress::default()).configure(pages));
}

fn pages(config: &mut ServiceConfig) {
    config
        .route("/", get().to(home::routes::show))
        .service(resource("/sign-in").route(get().to(session::routes::new)).route(post().to(session::routes::ask)))
        .route("/sign-in/code", post().to(session::routes::enter))
        .route("/sign-in/code", get().to(async || crate::page::see_other("/sign-in")))
        .route("/sign-out", post().to(session::routes::leave))
        .service(resource("/account").route(get().to(account::routes::show)).route(post().to(account::routes::update)))
        .route("/account/sessions/{id}/revoke", post().to(account::routes::revoke))
        .route("/dev/mail", get().to(dev::routes::mail))
        .route("/dev/mail.json", get().to(dev::routes::mail_json))
        .route("/dev/components", get().to(dev::routes::components))
        .route("/studio", get().to(studio::routes::index))
        .service(resource("/studio/spaces/new").route(get().to(space::routes::new)).route(post().to(space::routes::create)))
        .service(resource("/studio/{space}/edit").route(get().to(space::routes::edit)).route(post().to(space::routes::update)))
        .service(
            resource("/studio/{space}/experiences/new")
                .route(get().to(experience::routes::new))
                .route(post().to(experience::routes::create)),
        )
        .service(
            resource("/studio/{space}/{experience}/edit")
                .route(get().to(experience::routes::edit))
                .route(post().to(experience::routes::update)),
        )
        .route("/studio/{space}/{experience}/timeline", get().to(stream::routes::timeline))
        .route("/studio/{space}/{experience}", get().to(studio::routes::show))
        .route("/m/{space}", get().to(experience::routes::first))
        .route("/m/{space}/{experience}/join", post().to(experience::routes::join))
        .route("/m/{space}/{experience}", get().to(experience::routes::show))
        .route("/@{handle}", get().to(profile::routes::show))
        .route("/{space}", get().to(space::routes::show));
}

fn bad_form(error: &actix_web::error::UrlencodedError) -> Problem {
    use actix_web::error::UrlencodedError;
    match error {
        UrlencodedError::Overflow { .. } => Problem::too_large(),
        _ => Problem::bad_request("The form could not be read. Go back and try again."),
    }
}
