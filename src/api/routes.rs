//! Every address of the site.

use actix_web::guard;
use actix_web::middleware::Compress;
use actix_web::web::{self, ServiceConfig, post, resource, scope};
use actix_web::{Resource, Route};

use crate::error::Problem;
use crate::security::shell::BODY_BYTES_MAX;
use crate::{
    access, account, admission, alert, assets, checkout, dev, experience, home, live, objects, order, pass, poster,
    price, profile, recording, sales, session, space, stream, studio, user,
};

use super::{openapi, preflight};

/// Mounts everything but probes and webhooks. Order matters: `/{space}` comes last.
pub fn mount(config: &mut ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
        .app_data(web::FormConfig::default().limit(BODY_BYTES_MAX).error_handler(|error, _| bad_form(&error).into()))
        .app_data(
            web::QueryConfig::default()
                .error_handler(|_, _| Problem::bad_request("The address has a part that cannot be read.").into()),
        )
        .app_data(web::PathConfig::default().error_handler(|_, _| Problem::not_found().into()))
        .service(
            scope("/api/v1")
                .service(one("/checkouts", post().to(checkout::routes::create)))
                .service(one("/orders/{id}/look", post().to(order::routes::paid)))
                .service(one("/orders/{id}/card", post().to(order::card::begin)))
                .service(one("/orders/{id}/card/look", post().to(order::card::look)))
                .service(one("/openapi.json", get().to(openapi::show)))
                .service(one("/me", get().to(user::api::me)))
                .service(one("/me/passes", get().to(pass::held::index)))
                .service(one("/spaces/{space}", get().to(space::api::show)))
                .service(one("/spaces/{space}/experiences", get().to(space::api::experiences)))
                .service(one("/spaces/{space}/access", get().to(access::api::show)))
                .service(
                    resource("/spaces/{space}/passes")
                        .route(get().to(pass::api::index))
                        .route(post().to(pass::api::create)),
                )
                .service(
                    resource("/spaces/{space}/passes/{pass}")
                        .route(get().to(pass::api::show))
                        .route(web::put().to(pass::api::update)),
                )
                .service(one("/experiences/{id}/admission", post().to(admission::routes::create)))
                .service(one("/experiences/{id}/lobby", post().to(stream::routes::lobby)))
                .service(one("/experiences/{id}/go-live", post().to(stream::routes::go_live)))
                .service(one("/experiences/{id}/publisher-token", post().to(stream::routes::publisher_token)))
                .service(one("/experiences/{id}/end", post().to(stream::routes::end)))
                .service(one("/streams/{id}/observe", post().to(stream::routes::observe)))
                .service(one("/streams/{id}/health", post().to(stream::health::create)))
                .service(one("/streams/{id}/delivery", post().to(stream::routes::delivery)))
                .service(one("/streams/{id}/timeline", get().to(stream::routes::timeline_json)))
                .service(
                    resource("/recordings/{id}/position")
                        .route(web::put().to(recording::place::update))
                        .route(post().to(recording::place::last_word)),
                )
                .service(one("/recordings/{id}/admission", post().to(recording::place::admission)))
                .service(one("/preflight", get().to(preflight::show)))
                .service(one("/preflight/uplink", post().to(preflight::uplink))),
        )
        .service(one("/live/{id}", get().to(live::socket::open)))
        .service(scope("/assets").wrap(Compress::default()).service(one("/{name}", get().to(assets::show))))
        .service(one("/posters/{name}", get().to(poster::routes::picture)))
        .service(one("/recordings/{id}/~{ticket}/{object:.*}", get().to(recording::media::show)))
        .service(
            resource("/media/{key:.*}")
                .route(get().to(objects::routes::show))
                .route(web::put().to(objects::routes::put)),
        )
        .service(scope("").wrap(Compress::default()).configure(pages));
}

fn pages(config: &mut ServiceConfig) {
    config
        .service(one("/", get().to(home::routes::show)))
        .service(one("/language", post().to(home::routes::language)))
        .service(resource("/sign-in").route(get().to(session::routes::new)).route(post().to(session::routes::ask)))
        .service(
            resource("/sign-in/code")
                .route(post().to(session::routes::enter))
                .route(get().to(async || crate::page::see_other("/sign-in"))),
        )
        .service(one("/sign-out", post().to(session::routes::leave)))
        .service(resource("/account").route(get().to(account::routes::show)).route(post().to(account::routes::update)))
        .service(one("/account/sessions/{id}/revoke", post().to(account::routes::revoke)))
        .service(one("/dev/mail", get().to(dev::routes::mail)))
        .service(one("/dev/mail.json", get().to(dev::routes::mail_json)))
        .service(one("/dev/components", get().to(dev::routes::components)))
        .service(one("/studio", get().to(studio::routes::index)))
        .service(
            resource("/studio/spaces/new").route(get().to(space::routes::new)).route(post().to(space::routes::create)),
        )
        .service(
            resource("/studio/{space}/edit")
                .route(get().to(space::routes::edit))
                .route(post().to(space::routes::update)),
        )
        .service(one("/studio/{space}/edit/parts", get().to(sales::routes::index)))
        .service(
            resource("/studio/{space}/edit/{part}")
                .route(get().to(sales::routes::show))
                .route(post().to(sales::routes::update)),
        )
        .service(one("/studio/{space}/experiences/order", post().to(experience::order::update)))
        .service(
            resource("/studio/{space}/experiences/new")
                .route(get().to(experience::routes::new))
                .route(post().to(experience::routes::create)),
        )
        .service(one("/studio/{space}/passes", get().to(pass::routes::index)))
        .service(one("/studio/{space}/passes/order", post().to(pass::order::update)))
        .service(
            resource("/studio/{space}/passes/new")
                .route(get().to(pass::routes::new))
                .route(post().to(pass::routes::create)),
        )
        .service(
            resource("/studio/{space}/passes/{pass}/edit")
                .route(get().to(pass::routes::edit))
                .route(post().to(pass::routes::update)),
        )
        .service(one("/studio/{space}/passes/{pass}/prices", get().to(price::routes::index)))
        .service(
            resource("/studio/{space}/passes/{pass}/prices/new")
                .route(get().to(price::routes::new))
                .route(post().to(price::routes::create)),
        )
        .service(
            resource("/studio/{space}/passes/{pass}/prices/{price}/edit")
                .route(get().to(price::routes::edit))
                .route(post().to(price::routes::update)),
        )
        .service(one("/studio/{space}/passes/{pass}/prices/{price}/retire", post().to(price::routes::retire)))
        .service(one("/studio/{space}/orders", get().to(order::routes::team_index)))
        .service(one("/studio/{space}/orders/{order}", get().to(order::routes::team_show)))
        .service(one("/studio/{space}/orders/{order}/refund", post().to(order::routes::refund)))
        .service(one("/studio/{space}/orders/{order}/end", post().to(order::routes::end)))
        .service(one("/studio/{space}/passes/{pass}/default", post().to(pass::routes::make_default)))
        .service(one("/studio/{space}/passes/{pass}/move", post().to(pass::routes::shift)))
        .service(
            resource("/studio/{space}/{experience}/edit")
                .route(get().to(experience::routes::edit))
                .route(post().to(experience::routes::update)),
        )
        .service(one("/studio/{space}/{experience}/move", post().to(experience::order::shift)))
        .service(one("/studio/{space}/{experience}/poster", post().to(poster::routes::update)))
        .service(one("/studio/{space}/{experience}/poster/remove", post().to(poster::routes::remove)))
        .service(one("/studio/{space}/{experience}/recordings/{id}/edit", post().to(recording::routes::update)))
        .service(one("/studio/{space}/{experience}/recordings/{id}/delete", post().to(recording::routes::delete)))
        .service(one("/studio/{space}/{experience}/timeline", get().to(stream::routes::timeline)))
        .service(one("/studio/{space}/{experience}", get().to(studio::routes::show)))
        .service(one("/m/{space}", get().to(experience::routes::first)))
        .service(one("/m/{space}/{experience}/join", post().to(experience::routes::join)))
        .service(one("/m/{space}/{experience}/notify", post().to(alert::routes::update)))
        .service(one("/m/{space}/{experience}/recordings", get().to(recording::routes::index)))
        .service(one("/m/{space}/{experience}/recordings/{id}", get().to(recording::routes::show)))
        .service(one("/m/{space}/{experience}", get().to(experience::routes::show)))
        .service(resource("/alerts/{id}/off").route(get().to(alert::routes::ask)).route(post().to(alert::routes::off)))
        .service(one("/passes", get().to(order::routes::index)))
        .service(one("/orders/{id}", get().to(order::routes::show)))
        .service(one("/orders/{id}/in", get().to(order::routes::enter)))
        .service(
            one("/orders/{id}/cancel", get().to(order::routes::ask_to_stay)).route(post().to(order::routes::cancel)),
        )
        .service(one("/orders/{id}/stay", post().to(order::routes::stay)))
        .service(one("/orders/{id}/card", get().to(order::card::show)))
        .service(one("/orders/{id}/resume", post().to(order::routes::resume)))
        .service(one("/@{handle}", get().to(profile::routes::show)))
        .service(one("/{space}/{pass}/checkout", get().to(checkout::routes::show)))
        .service(one("/{space}/{pass}/buy", post().to(checkout::routes::buy)))
        .service(one("/{space}/{pass}/join", post().to(pass::routes::join)))
        // Guarded as a whole: what else is posted to two parts that lead nowhere is not found.
        .service(resource("/{space}/{pass}").guard(to_read()).route(get().to(space::routes::show_pass)))
        .service(one("/{space}", get().to(space::routes::show)));
}

/// `GET`, and `HEAD` for those who only look whether a page is there.
fn get() -> Route {
    web::route().guard(to_read())
}

fn to_read() -> impl guard::Guard {
    guard::Any(guard::Get()).or(guard::Head())
}

/// An address with one method; others are told so (405).
fn one(path: &str, route: Route) -> Resource {
    resource(path).route(route)
}

fn bad_form(error: &actix_web::error::UrlencodedError) -> Problem {
    use actix_web::error::UrlencodedError;
    match error {
        UrlencodedError::Overflow { .. } => Problem::too_large(),
        _ => Problem::bad_request("The form could not be read. Go back and try again."),
    }
}
