//! Built browser assets: embedded in the binary (read from disk in development builds), served under `/assets/`
//! with names that carry a hash, so that they may be cached for ever.

use actix_web::{HttpResponse, http::header, web};
use rust_embed::RustEmbed;
use std::collections::HashMap;

use crate::error::Problem;

#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Dist;

/// Addresses of the assets that pages link to, from the build's `manifest.json`.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    /// Script of every page.
    pub app_js: String,
    /// Styles of every page.
    pub app_css: String,
    /// Script of the viewer page.
    pub viewer_js: String,
    /// Script of the studio.
    pub studio_js: String,
    /// Icon sprite.
    pub icons_svg: String,
    /// The typeface.
    pub font_woff2: String,
}

impl Assets {
    /// Reads the manifest. Without one (front end not built) pages link to names that do not exist and a warning is logged.
    pub fn load() -> Assets {
        let manifest: HashMap<String, String> =
            Dist::get("manifest.json").and_then(|file| serde_json::from_slice(&file.data).ok()).unwrap_or_default();
        if manifest.is_empty() {
            tracing::warn!("web/dist/manifest.json is missing: build the front end first");
        }
        let link = |name: &str| manifest.get(name).cloned().unwrap_or_else(|| format!("/assets/{name}"));
        Assets {
            app_js: link("app.js"),
            app_css: link("app.css"),
            viewer_js: link("viewer.js"),
            studio_js: link("studio.js"),
            icons_svg: link("icons.svg"),
            font_woff2: link("font.woff2"),
        }
    }
}

/// `GET /assets/{name}`.
pub async fn show(name: web::Path<String>) -> Result<HttpResponse, Problem> {
    let file = Dist::get(&name).ok_or_else(Problem::not_found)?;
    let kind = mime_guess::from_path(name.as_str()).first_or_octet_stream();
    let charset = if kind.type_() == "text" { "; charset=utf-8" } else { "" };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, format!("{}{charset}", kind.essence_str())))
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .body(file.data.into_owned()))
}
