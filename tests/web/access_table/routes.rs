//! Every route by who may use it: one that stands in no table fails here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a route asks of its visitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// The rule of `core::access`: each is asked by a way in, see [`super::ways`].
    Access,
    /// A part in the team that edits or hosts: strangers and rivals are refused.
    Team,
    /// Anybody, about themselves or about what is public.
    Nothing,
    /// A key or a signature of their own: programs, not people.
    Key,
}
use Asks::{Access, Key, Nothing, Team};

/// The site and its API.
pub const ROUTES: &[(&str, &str, Asks)] = &[
    ("GET", "/api/v1/openapi.json", Nothing),
    ("GET", "/api/v1/me", Nothing), // oneself
    ("GET", "/api/v1/me/passes", Nothing),
    ("GET", "/api/v1/spaces/{space}", Nothing),
    ("GET", "/api/v1/spaces/{space}/experiences", Nothing),
    ("GET", "/api/v1/spaces/{space}/access", Team),
    ("GET", "/api/v1/spaces/{space}/passes", Team),
    ("POST", "/api/v1/spaces/{space}/passes", Team),
    ("GET", "/api/v1/spaces/{space}/passes/{pass}", Team),
    ("PUT", "/api/v1/spaces/{space}/passes/{pass}", Team),
    ("POST", "/api/v1/checkouts", Nothing), // opens nothing before it is paid
    ("POST", "/api/v1/orders/{id}/look", Nothing), // one's own orders
    ("POST", "/api/v1/orders/{id}/card", Nothing),
    ("POST", "/api/v1/orders/{id}/card/look", Nothing),
    ("GET", "/passes", Nothing),
    ("GET", "/orders/{id}", Nothing),
    ("GET", "/orders/{id}/in", Nothing),
    ("GET", "/orders/{id}/card", Nothing),
    ("GET", "/orders/{id}/cancel", Nothing),
    ("POST", "/orders/{id}/cancel", Nothing),
    ("POST", "/orders/{id}/stay", Nothing),
    ("POST", "/orders/{id}/resume", Nothing),
    ("GET", "/{space}/{pass}/checkout", Nothing),
    ("POST", "/{space}/{pass}/buy", Nothing),
    ("GET", "/studio/{space}/passes/{pass}/prices", Team),
    ("GET", "/studio/{space}/passes/{pass}/prices/new", Team),
    ("POST", "/studio/{space}/passes/{pass}/prices/new", Team),
    ("GET", "/studio/{space}/passes/{pass}/prices/{price}/edit", Team),
    ("POST", "/studio/{space}/passes/{pass}/prices/{price}/edit", Team),
    ("POST", "/studio/{space}/passes/{pass}/prices/{price}/retire", Team),
    ("GET", "/studio/{space}/orders", Team),
    ("GET", "/studio/{space}/orders/{order}", Team),
    ("POST", "/studio/{space}/orders/{order}/refund", Team),
    ("POST", "/studio/{space}/orders/{order}/end", Team),
    ("POST", "/api/v1/experiences/{id}/admission", Access),
    ("POST", "/api/v1/experiences/{id}/lobby", Team),
    ("POST", "/api/v1/experiences/{id}/go-live", Team),
    ("POST", "/api/v1/experiences/{id}/publisher-token", Team),
    ("POST", "/api/v1/experiences/{id}/end", Team),
    ("POST", "/api/v1/streams/{id}/observe", Team),
    ("POST", "/api/v1/streams/{id}/health", Team),
    ("POST", "/api/v1/streams/{id}/delivery", Team),
    ("GET", "/api/v1/streams/{id}/timeline", Team),
    ("PUT", "/api/v1/recordings/{id}/position", Access),
    ("POST", "/api/v1/recordings/{id}/position", Access),
    ("POST", "/api/v1/recordings/{id}/admission", Access),
    ("GET", "/api/v1/preflight", Nothing),
    ("POST", "/api/v1/preflight/uplink", Nothing),
    ("GET", "/live/{id}", Access),
    ("GET", "/assets/{name}", Nothing),
    ("GET", "/posters/{name}", Nothing),
    ("GET", "/recordings/{id}/~{ticket}/{object:.*}", Access),
    ("GET", "/media/{key:.*}", Nothing), // signed by us
    ("PUT", "/media/{key:.*}", Nothing),
    ("GET", "/", Nothing),
    ("POST", "/language", Nothing),
    ("GET", "/sign-in", Nothing),
    ("POST", "/sign-in", Nothing),
    ("POST", "/sign-in/code", Nothing),
    ("GET", "/sign-in/code", Nothing),
    ("POST", "/sign-out", Nothing),
    ("GET", "/account", Nothing),
    ("POST", "/account", Nothing),
    ("POST", "/account/sessions/{id}/revoke", Nothing),
    ("GET", "/dev/mail", Nothing),
    ("GET", "/dev/mail.json", Nothing),
    ("GET", "/dev/components", Nothing),
    ("GET", "/studio", Nothing), // one's own spaces
    ("GET", "/studio/spaces/new", Nothing),
    ("POST", "/studio/spaces/new", Nothing),
    ("GET", "/studio/{space}/edit", Team),
    ("POST", "/studio/{space}/edit", Team),
    ("GET", "/studio/{space}/edit/parts", Team),
    ("GET", "/studio/{space}/edit/{part}", Team),
    ("POST", "/studio/{space}/edit/{part}", Team),
    ("POST", "/studio/{space}/experiences/order", Team),
    ("GET", "/studio/{space}/experiences/new", Team),
    ("POST", "/studio/{space}/experiences/new", Team),
    ("GET", "/studio/{space}/passes", Team),
    ("POST", "/studio/{space}/passes/order", Team),
    ("GET", "/studio/{space}/passes/new", Team),
    ("POST", "/studio/{space}/passes/new", Team),
    ("GET", "/studio/{space}/passes/{pass}/edit", Team),
    ("POST", "/studio/{space}/passes/{pass}/edit", Team),
    ("POST", "/studio/{space}/passes/{pass}/default", Team),
    ("POST", "/studio/{space}/passes/{pass}/move", Team),
    ("GET", "/studio/{space}/{experience}/edit", Team),
    ("POST", "/studio/{space}/{experience}/edit", Team),
    ("POST", "/studio/{space}/{experience}/move", Team),
    ("POST", "/studio/{space}/{experience}/poster", Team),
    ("POST", "/studio/{space}/{experience}/poster/remove", Team),
    ("POST", "/studio/{space}/{experience}/recordings/{id}/edit", Team),
    ("POST", "/studio/{space}/{experience}/recordings/{id}/delete", Team),
    ("GET", "/studio/{space}/{experience}/timeline", Team),
    ("GET", "/studio/{space}/{experience}", Team),
    ("GET", "/m/{space}", Nothing),
    ("GET", "/alerts/{id}/off", Nothing), // the id is a secret of its owner
    ("POST", "/alerts/{id}/off", Nothing),
    ("POST", "/m/{space}/{experience}/join", Nothing),
    ("POST", "/m/{space}/{experience}/notify", Nothing),
    ("GET", "/m/{space}/{experience}/recordings", Access),
    ("GET", "/m/{space}/{experience}/recordings/{id}", Access),
    ("GET", "/m/{space}/{experience}", Access),
    ("GET", "/@{handle}", Nothing),
    ("POST", "/{space}/{pass}/join", Nothing),
    ("GET", "/{space}/{pass}", Nothing), // drafts: tests/web/passes.rs
    ("GET", "/{space}", Nothing),
];

/// What is mounted beside them, for players, programs and operators.
pub const BESIDE: &[(&str, &str, Asks)] = &[
    ("GET", "/hls/{playback_id}.m3u8", Access), // by a token that only admission gives
    ("GET", "/hls/{playback_id}/{image}", Access),
    ("GET", "/hls/{playback_id}/{broadcast}/{file}", Access),
    ("GET", "/hls/{playback_id}/{broadcast}/~{token}/{file}", Access),
    ("POST", "/webhooks/livekit", Key),
    ("POST", "/webhooks/mux", Key),
    ("POST", "/webhooks/stripe", Key),
    ("ANY", "/sandbox/v1/{call:.*}", Key),
    ("GET", "/sandbox/authenticate/{id}", Key),
    ("POST", "/sandbox/authenticate/{id}", Key),
    ("GET", "/healthz", Nothing),
    ("GET", "/readyz", Nothing),
    ("GET", "/metrics", Nothing), // a token where the operator sets one
];

type Mounted = BTreeSet<(String, String)>;

fn source(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// Method and address of each route of the site, read from where they are mounted.
pub fn mounted() -> Mounted {
    let source = source("src/api/routes.rs");
    let api = source.find("scope(\"/api/v1\")").unwrap()..source.find("one(\"/live/{id}\"").unwrap();
    let mut found = BTreeSet::new();
    for opening in ["one(\"", "resource(\""] {
        for (at, _) in source.match_indices(opening) {
            let rest = &source[at + opening.len()..];
            let (path, rest) = rest.split_once('"').unwrap();
            let prefix = match path {
                _ if api.contains(&at) => "/api/v1",
                "/{name}" => "/assets",
                _ => "",
            };
            // Up to the next service: the methods of this address.
            let own = rest.split(".service(").next().unwrap();
            found.extend(methods(own).map(|method| (method.to_string(), format!("{prefix}{path}"))));
        }
    }
    found
}

fn methods(own: &str) -> impl Iterator<Item = &'static str> {
    let calls = [("get().to(", "GET"), ("post().to(", "POST"), ("put().to(", "PUT"), ("web::route().to(", "ANY")];
    calls.into_iter().filter(|(call, _)| own.contains(call)).map(|(_, method)| method)
}

/// Files that mount what stands beside the site, each with where in it and under which address.
const PLACES: [(&str, &str, &str); 6] = [
    ("media/src/origin/hls/playback/mod.rs", "pub fn routes", "/hls"),
    ("src/webhooks/livekit.rs", "pub fn routes", ""),
    ("src/webhooks/mux.rs", "pub fn routes", ""),
    ("src/webhooks/stripe.rs", "pub fn routes", ""),
    ("src/sandbox/server.rs", "web::scope(\"/sandbox\")", "/sandbox"),
    ("src/telemetry/routes.rs", "pub fn routes", ""),
];

fn mounted_beside() -> Mounted {
    let mut found = BTreeSet::new();
    for (file, from, prefix) in PLACES {
        let source = source(file).replace("resource(WEBHOOKS)", "resource(\"/webhooks/mux\")");
        let block = &source[source.find(from).unwrap_or_else(|| panic!("{file} has no {from}"))..];
        let block = block.split("\n}\n").next().unwrap();
        let before = found.len();
        for opening in ["resource(\"", "resource(&format!(\"", ".route(\""] {
            for (at, _) in block.match_indices(opening) {
                let (path, rest) = block[at + opening.len()..].split_once('"').unwrap();
                let end = [".service(", ".route(\""].iter().filter_map(|next| rest.find(next)).min();
                let path = path.replace("{token}", "~{token}").replace("{name}", "{file}");
                let path = if prefix == "/hls" { path.replace("{id}", "{playback_id}") } else { path };
                let own = &rest[..end.unwrap_or(rest.len())];
                found.extend(methods(own).map(|method| (method.to_string(), format!("{prefix}{path}"))));
            }
        }
        assert!(found.len() > before, "no route was found in {file}");
    }
    found
}

fn compare(table: &[(&str, &str, Asks)], mounted: &Mounted) {
    let rows: Mounted = table.iter().map(|(method, path, _)| (method.to_string(), path.to_string())).collect();
    assert_eq!(rows.len(), table.len(), "a row stands twice");
    let (new, gone): (Vec<_>, Vec<_>) = (mounted.difference(&rows).collect(), rows.difference(mounted).collect());
    assert!(new.is_empty(), "who may use these routes? {new:?}");
    assert!(gone.is_empty(), "no longer mounted: {gone:?}");
}

#[test]
fn every_route_has_a_row() {
    compare(ROUTES, &mounted());
    compare(BESIDE, &mounted_beside());
}

#[test]
fn routes_are_mounted_nowhere_else() {
    // Put together by app.rs; the origin's own API and the sandbox by itself are other servers, at other ports.
    let others = ["src/api/routes.rs", "src/app.rs", "media/src/origin/api/"];
    let mut folders = vec![PathBuf::from("src"), PathBuf::from("media/src")];
    let mut strange = vec![];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder)).unwrap().flatten() {
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.to_str().unwrap();
            let known =
                others.iter().any(|known| name.starts_with(known)) || PLACES.iter().any(|(file, ..)| *file == name);
            let mounts = |text: &str| {
                ["web::resource(", "web::scope(", ".route(", "#[get(", "#[post("].iter().any(|call| text.contains(call))
            };
            if !known && name.ends_with(".rs") && mounts(&source(name)) {
                strange.push(path);
            }
        }
    }
    assert!(strange.is_empty(), "these mount routes that no table has: {strange:?}");
}

/// An address part that stands beside spaces or experiences could be taken by one of them, and then lead elsewhere.
#[test]
fn words_of_our_own_addresses_cannot_be_taken_by_spaces_and_experiences() {
    use backstage_core::slug::Slug;
    for (_, path) in mounted().into_iter().chain(mounted_beside()) {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let is_word = |part: &&&str| !part.is_empty() && !part.contains(['{', '@', '.']);
        if let Some(word) = parts.first().filter(is_word) {
            assert!(Slug::for_space(word).is_err(), "a space may be called {word}: {path}");
        }
        if let ["studio" | "m", "{space}", word, ..] = parts.as_slice()
            && is_word(&word)
        {
            assert!(Slug::for_experience(word).is_err(), "an experience may be called {word}: {path}");
        }
    }
}
