//! Built browser assets: embedded in the binary (read from disk in development builds), served under `/assets/`
//! with names that carry a hash, so that they may be cached for ever.

use actix_web::{HttpResponse, http::header, web};
use rust_embed::RustEmbed;
use std::collections::HashMap;

use crate::error::Problem;
use crate::locale::{self, Language};

#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Dist;

/// Addresses of the assets that pages link to, from the build's `manifest.json`.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    /// Styles of every page.
    pub app_css: String,
    /// Scripts: those of each language carry its words.
    scripts: [Scripts; Language::ALL.len()],
    /// Icon sprite.
    pub icons_svg: String,
    /// The typeface.
    pub font_woff2: String,
}

#[derive(Debug, Clone, Default)]
struct Scripts {
    app: String,
    viewer: String,
    studio: String,
    edit: String,
    checkout: String,
}

impl Assets {
    fn scripts(&self) -> &Scripts {
        let [english, spanish] = &self.scripts;
        match locale::current() {
            Language::English => english,
            Language::Spanish => spanish,
        }
    }

    /// Script of every page, in the language of the request.
    pub fn app_js(&self) -> &str {
        &self.scripts().app
    }

    /// Script of the viewer page.
    pub fn viewer_js(&self) -> &str {
        &self.scripts().viewer
    }

    /// Script of the studio.
    pub fn studio_js(&self) -> &str {
        &self.scripts().studio
    }

    /// Script of those who edit pages in place.
    pub fn edit_js(&self) -> &str {
        &self.scripts().edit
    }

    /// Script of pages where people pay.
    pub fn checkout_js(&self) -> &str {
        &self.scripts().checkout
    }

    /// Reads the manifest. Without one (front end not built) pages link to names that do not exist and a warning is logged.
    pub fn load() -> Assets {
        let manifest: HashMap<String, String> =
            Dist::get("manifest.json").and_then(|file| serde_json::from_slice(&file.data).ok()).unwrap_or_default();
        if manifest.is_empty() {
            tracing::warn!("web/dist/manifest.json is missing: build the front end first");
        }
        let link = |name: &str| manifest.get(name).cloned().unwrap_or_else(|| format!("/assets/{name}"));
        Assets {
            scripts: Language::ALL.map(|language| {
                let link = |name: &str| link(&format!("{name}.{}.js", language.code()));
                Scripts {
                    app: link("app"),
                    viewer: link("viewer"),
                    studio: link("studio"),
                    edit: link("edit"),
                    checkout: link("checkout"),
                }
            }),
            app_css: link("app.css"),
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
