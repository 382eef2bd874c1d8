//! Every text key that a template or the server uses has a text.

use backstage::locale;
use std::path::{Path, PathBuf};

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
}

fn keys(text: &str, call: &str) -> Vec<String> {
    let parts = text.split(call).skip(1);
    parts.filter_map(|rest| rest.split('"').next()).filter(|key| key.contains('.')).map(str::to_string).collect()
}

#[test]
fn every_text_that_is_used_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut views, mut sources) = (vec![], vec![]);
    files(&root.join("web/views"), ".html", &mut views);
    files(&root.join("src"), ".rs", &mut sources);
    let mut used = vec![];
    for path in views.iter().chain(&sources) {
        let text = std::fs::read_to_string(path).unwrap();
        for call in ["page.t(\"", "page.t1(\"", "page_t(\"", "locale::text(\"", "locale::text_with(\"", "again(\""] {
            used.extend(keys(&text, call));
        }
        // `errors.add("field", "key")` and `see_other_with(path, "key")`.
        for line in text.lines().filter(|line| line.contains("errors.add(") || line.contains("see_other_with(")) {
            used.extend(
                line.split('"').filter(|part| part.contains('.') && !part.contains(['/', ' '])).map(str::to_string),
            );
        }
    }
    assert!(used.len() > 100, "{}", used.len());
    let missing: Vec<String> = used.into_iter().filter(|key| !locale::has(key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
