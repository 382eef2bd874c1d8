//! Playback over HTTP, in Mux's shape.
//!
//! | address | what |
//! |---|---|
//! | `/{PLAYBACK_ID}.m3u8?token=` | multivariant playlist; `&dvr=true` leads to the whole window of a broadcast |
//! | `/{PLAYBACK_ID}/{BROADCAST}/[~{TOKEN}/]media.m3u8`, `dvr.m3u8` | media playlist |
//! | `…/init-N.mp4`, `…/N.m4s`, `…/N.P.m4s` | init segment, segment, part |
//! | `/{PLAYBACK_ID}/thumbnail.jpg?token=&time=&width=&height=` | a picture |
//! | `/{PLAYBACK_ID}/storyboard.jpg?token=`, `storyboard.vtt?token=` | pictures in a grid, and where each belongs |
//!
//! The token goes on as a part of the path. So every address in a playlist can be relative and short, one text serves all
//! viewers, and native players carry the token along by themselves. Public playback has no token in its path: then a CDN
//! caches one copy for all. The broadcast stands in the path because a live stream's playback id shows one broadcast after
//! the other: `0.m4s` of today is not that of yesterday, and media may be kept for ever.
//!
//! Errors are short JSON: 400 wrong question, 403 no or wrong token, 404 not there, 412 nothing to watch yet.

mod answer;
mod file;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};
use serde::Deserialize;

use self::answer::{Caching, Refusal};
use self::file::File;
use super::image::{Images, Size};
use super::playlist::{self, Extent, View};
use super::store::Shelf;
use super::token::Tokens;
use super::{Audience, Catalogue, Live, Playable, Policy, Source, Vod, WallClock};

/// A request for what is further ahead than this many segments is refused (RFC 8216bis, 6.2.5.2).
const SEGMENTS_AHEAD_MAX: u64 = 2;
/// As above, for parts of the segment that grows: three seconds' worth of 200 ms.
const PARTS_AHEAD_MAX: usize = 15;
/// A request is held for at most three target durations, within these limits.
const HOLD_MIN: Duration = Duration::from_secs(3);
const HOLD_MAX: Duration = Duration::from_secs(15);

/// What the routes need.
pub struct Playback {
    catalogue: Arc<dyn Catalogue>,
    tokens: Tokens,
    clock: WallClock,
    images: Images,
}

impl fmt::Debug for Playback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Playback").field("images", &self.images).finish_non_exhaustive()
    }
}

impl Playback {
    /// Playback of what a catalogue has.
    pub fn new(catalogue: Arc<dyn Catalogue>, clock: WallClock, images: Images) -> Playback {
        Playback { catalogue, tokens: Tokens::default(), clock, images }
    }

    fn admit(&self, playback_id: &str, token: Option<&str>, audience: Audience) -> Result<Playable, Refusal> {
        let playable = self.catalogue.resolve(playback_id).ok_or(Refusal::NotFound)?;
        if playable.policy == Policy::Signed {
            let now_s = (self.clock)().div_euclid(1_000_000);
            self.tokens.check(self.catalogue.as_ref(), token, playback_id, audience, now_s)?;
        }
        Ok(playable)
    }
}

/// The routes, for `App::configure`. They take addresses of the forms above only, and so leave room for others.
pub fn routes(playback: Arc<Playback>) -> impl FnOnce(&mut ServiceConfig) + Clone {
    let playback = Data::from(playback);
    move |config| {
        let id = "{playback_id:[A-Za-z0-9]{1,128}}";
        let name = r"{file:[a-z0-9][a-z0-9.\-]{0,39}\.(?:m3u8|mp4|m4s)}";
        let image = "{file:thumbnail.jpg|storyboard.jpg|storyboard.vtt}";
        let broadcast = "{broadcast:[a-z0-9]{1,32}}";
        let token = r"~{token:[A-Za-z0-9_.\-]{1,4096}}";
        config
            .app_data(playback)
            .service(resource(&format!("/{id}.m3u8")).route(web::get().to(variants)).route(web::head().to(variants)))
            .service(resource(&format!("/{id}/{image}")).route(web::get().to(picture)).route(web::head().to(picture)))
            .service(
                resource(&format!("/{id}/{broadcast}/{name}")).route(web::get().to(media)).route(web::head().to(media)),
            )
            .service(
                resource(&format!("/{id}/{broadcast}/{token}/{name}"))
                    .route(web::get().to(media))
                    .route(web::head().to(media)),
            );
    }
}

/// Any page may play: what is not for everybody needs a token, never a cookie.
fn resource(
    path: &str,
) -> Resource<
    impl actix_web::dev::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse<impl actix_web::body::MessageBody + use<>>,
        Error = actix_web::Error,
        InitError = (),
    > + use<>,
> {
    let headers = DefaultHeaders::new()
        .add(("access-control-allow-origin", "*"))
        .add(("access-control-expose-headers", "accept-ranges, content-length, content-range, date, etag"))
        .add(("x-content-type-options", "nosniff"));
    web::resource(path)
        .wrap(headers)
        .route(web::method(actix_web::http::Method::OPTIONS).to(answer::preflight))
        .default_service(web::to(|| async { Refusal::Method.answer() }))
}

#[derive(Debug, Deserialize)]
struct At {
    playback_id: String,
    #[serde(default)]
    broadcast: String,
    #[serde(default)]
    file: String,
    token: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Asked {
    token: Option<String>,
    dvr: Option<String>,
    #[serde(rename = "_HLS_msn")]
    msn: Option<String>,
    #[serde(rename = "_HLS_part")]
    part: Option<String>,
    #[serde(rename = "_HLS_skip")]
    skip: Option<String>,
    time: Option<String>,
    width: Option<String>,
    height: Option<String>,
}

impl Asked {
    fn of(request: &HttpRequest) -> Result<Asked, Refusal> {
        let query = Query::<Asked>::from_query(request.query_string());
        query.map(Query::into_inner).map_err(|_| Refusal::Question("the query cannot be read"))
    }
}

fn number<T: std::str::FromStr>(text: Option<&String>, otherwise: &'static str) -> Result<Option<T>, Refusal> {
    text.map(|text| text.parse().map_err(|_| Refusal::Question(otherwise))).transpose()
}

/// What a playback id shows, as far as playlists and media go.
enum Show {
    Live(Arc<Live>),
    Vod(Arc<Vod>),
}

impl Show {
    fn of(source: Source) -> Result<Show, Refusal> {
        match source {
            Source::Live(live) | Source::Dvr(live) if !live.window().is_empty() => Ok(Show::Live(live)),
            Source::Vod(vod) => Ok(Show::Vod(vod)),
            Source::Live(_) | Source::Dvr(_) | Source::Idle => Err(Refusal::Idle),
        }
    }

    fn shelf(&self) -> &Shelf {
        match self {
            Show::Live(live) => &live.shelf,
            Show::Vod(vod) => &vod.shelf,
        }
    }
}

async fn variants(request: HttpRequest, at: Path<At>, playback: Data<Playback>) -> HttpResponse {
    let answer = || {
        let asked = Asked::of(&request)?;
        let token = asked.token.as_deref();
        let Playable { policy, source } = playback.admit(&at.playback_id, token, Audience::Video)?;
        let whole = matches!(source, Source::Dvr(_)) || asked.dvr.as_deref() == Some("true");
        let show = Show::of(source)?;
        let shelf = show.shelf();
        let file = if whole { "dvr.m3u8" } else { "media.m3u8" };
        let uri = match token.filter(|_| policy == Policy::Signed) {
            Some(token) => format!("{}/{}/~{token}/{file}", at.playback_id, shelf.broadcast),
            None => format!("{}/{}/{file}", at.playback_id, shelf.broadcast),
        };
        let text = playlist::multivariant(&shelf.window.read(), &uri).ok_or(Refusal::Idle)?;
        Ok(answer::playlist(text.into(), policy, Caching::Never))
    };
    answer().unwrap_or_else(Refusal::answer)
}

async fn media(request: HttpRequest, at: Path<At>, playback: Data<Playback>) -> HttpResponse {
    serve(&request, &at, &playback).await.unwrap_or_else(Refusal::answer)
}

async fn serve(request: &HttpRequest, at: &At, playback: &Playback) -> Result<HttpResponse, Refusal> {
    let asked = Asked::of(request)?;
    let token = at.token.as_deref().or(asked.token.as_deref());
    let Playable { policy, source } = playback.admit(&at.playback_id, token, Audience::Video)?;
    let show = Show::of(source)?;
    let shelf = show.shelf();
    if shelf.broadcast != at.broadcast {
        return Err(Refusal::NotFound);
    }
    let data = match File::parse(&at.file).ok_or(Refusal::NotFound)? {
        File::Playlist { whole } => return media_playlist(&show, &asked, whole, policy).await,
        File::Init(number) => shelf.init(number),
        File::Segment(msn) => shelf.segment(msn).await?,
        File::Part(msn, index) => part(&show, msn, index).await?,
    };
    let etag = format!("\"{}-{}\"", shelf.broadcast, at.file);
    Ok(answer::media(request, data.ok_or(Refusal::NotFound)?, "video/mp4", &etag, policy, Caching::Forever))
}

/// A part; the one that was hinted at is waited for.
async fn part(show: &Show, msn: u64, index: usize) -> Result<Option<bytes::Bytes>, Refusal> {
    let data = show.shelf().part(msn, index).await?;
    let Show::Live(live) = show else { return Ok(data) };
    let edge = live.progress().edge;
    if data.is_some() || edge.ended || (edge.msn, edge.parts) != (msn, index) {
        return Ok(data);
    }
    live.reached(msn, Some(index), hold(live)).await;
    Ok(live.shelf.part(msn, index).await?)
}

fn hold(live: &Live) -> Duration {
    (Duration::from_secs(3) * u32::try_from(live.window().target_duration()).unwrap_or(u32::MAX / 4).min(60))
        .clamp(HOLD_MIN, HOLD_MAX)
}

async fn media_playlist(show: &Show, asked: &Asked, whole: bool, policy: Policy) -> Result<HttpResponse, Refusal> {
    let live = match show {
        Show::Vod(vod) => return Ok(answer::playlist(vod.playlist(), policy, Caching::Seconds(60))),
        Show::Live(live) => live,
    };
    let msn: Option<u64> = number(asked.msn.as_ref(), "_HLS_msn must be a number")?;
    let part: Option<usize> = number(asked.part.as_ref(), "_HLS_part must be a number")?;
    let skip = match asked.skip.as_deref() {
        None => false,
        Some("YES" | "v2") => true,
        Some(_) => return Err(Refusal::Question("_HLS_skip must be YES or v2")),
    };
    let mut caching = Caching::Never;
    match (msn, part) {
        (Some(msn), part) => {
            let edge = live.progress().edge;
            let too_far = msn > edge.msn.saturating_add(SEGMENTS_AHEAD_MAX)
                || msn == edge.msn && part.is_some_and(|part| part > edge.parts + PARTS_AHEAD_MAX);
            if too_far && !edge.ended {
                return Err(Refusal::Question("that is too far ahead"));
            }
            // A source that stalls longer leaves the playlist as it was. Saying so keeps a player asking; 503 would end it.
            live.reached(msn, part, hold(live)).await;
            let edge = live.progress().edge;
            if edge.msn > msn || edge.msn == msn && part.is_some_and(|part| edge.parts > part) {
                // Six target durations (RFC 8216bis, appendix B.1).
                caching = Caching::Seconds(6 * live.window().target_duration());
            }
        }
        (None, Some(_)) => return Err(Refusal::Question("_HLS_part needs _HLS_msn")),
        (None, None) => {}
    }
    let extent = if whole { Extent::Whole } else { Extent::Edge };
    Ok(answer::playlist(live.playlist(View { extent, skip }), policy, caching))
}

async fn picture(request: HttpRequest, at: Path<At>, playback: Data<Playback>) -> HttpResponse {
    serve_picture(&request, &at, &playback).await.unwrap_or_else(Refusal::answer)
}

async fn serve_picture(request: &HttpRequest, at: &At, playback: &Playback) -> Result<HttpResponse, Refusal> {
    let asked = Asked::of(request)?;
    let storyboard = at.file.starts_with("storyboard");
    let audience = if storyboard { Audience::Storyboard } else { Audience::Thumbnail };
    let token = asked.token.as_deref();
    let Playable { policy, source } = playback.admit(&at.playback_id, token, audience)?;
    let show = Show::of(source)?;
    let shelf = show.shelf();
    if at.file == "thumbnail.jpg" {
        let time: Option<f64> = number(asked.time.as_ref(), "time must be seconds")?;
        if time.is_some_and(|time| !time.is_finite() || time < 0.0) {
            return Err(Refusal::Question("time must be seconds"));
        }
        let size = Size::new(
            number(asked.width.as_ref(), "width must be pixels")?,
            number(asked.height.as_ref(), "height must be pixels")?,
        )
        .ok_or(Refusal::Question("width and height must be 16 to 1920 pixels"))?;
        let data = playback.images.thumbnail(shelf, time, size).await?;
        // Without a time it is the newest picture of a broadcast.
        let caching = if time.is_some() { Caching::Seconds(3_600) } else { Caching::Seconds(5) };
        let etag = format!("\"{}-{:x}\"", shelf.broadcast, answer::fingerprint(&data));
        return Ok(answer::media(request, data, "image/jpeg", &etag, policy, caching));
    }
    let Show::Vod(_) = show else { return Err(Refusal::Idle) };
    let board = playback.images.storyboard(shelf).await?;
    if at.file == "storyboard.jpg" {
        let etag = format!("\"{}-board\"", shelf.broadcast);
        return Ok(answer::media(request, board.data, "image/jpeg", &etag, policy, Caching::Seconds(3_600)));
    }
    let uri = match token.filter(|_| policy == Policy::Signed) {
        Some(token) => format!("storyboard.jpg?token={token}"),
        None => "storyboard.jpg".to_owned(),
    };
    Ok(answer::text(board.webvtt(&uri), "text/vtt; charset=utf-8", policy, Caching::Seconds(3_600)))
}
