use super::*;
use crate::origin::model::SigningKey;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        Folder(std::env::temp_dir().join(format!("origin-store-{}", new_id())))
    }

    fn open(&self) -> Arc<Desk> {
        let environment = Environment { id: "E".into(), name: "origin".into(), webhooks: true };
        Desk::open(&self.0, environment, Arc::new(|| 7)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn add(desk: &Arc<Desk>, id: &str) {
    let key = SigningKey { id: id.into(), seq: 0, created_ms: 0, public_der: "x".repeat(400) };
    desk.change(move |books, _| {
        let seq = books.next_seq();
        books.put_key(SigningKey { seq, ..key });
    })
    .await
    .unwrap();
}

fn ids(desk: &Desk) -> Vec<String> {
    desk.read(|books| books.keys().map(|key| key.id.clone()).collect())
}

#[tokio::test]
async fn what_was_changed_is_there_after_a_restart() {
    let folder = Folder::new();
    let desk = folder.open();
    add(&desk, "a").await;
    add(&desk, "b").await;
    desk.change(|books, _| books.drop_key("a")).await.unwrap();
    drop(desk);
    let desk = folder.open();
    assert_eq!(ids(&desk), ["b"]);
    assert_eq!(desk.change(|books, _| books.next_seq()).await.unwrap(), 3);
}

#[tokio::test]
async fn a_change_that_was_cut_off_never_happened() {
    let folder = Folder::new();
    let desk = folder.open();
    add(&desk, "a").await;
    let whole = fs::metadata(folder.0.join(JOURNAL)).unwrap().len();
    add(&desk, "b").await;
    drop(desk);
    let text = fs::read(folder.0.join(JOURNAL)).unwrap();
    for cut in [whole as usize + 1, text.len() - 1] {
        fs::write(folder.0.join(JOURNAL), &text[..cut]).unwrap();
        let desk = folder.open();
        assert_eq!(ids(&desk), ["a"]);
        add(&desk, "c").await;
        drop(desk);
        assert_eq!(ids(&folder.open()), ["a", "c"]);
    }
}

#[tokio::test]
async fn a_journal_that_is_not_ours_is_refused() {
    let folder = Folder::new();
    drop(folder.open());
    fs::write(folder.0.join(JOURNAL), "{}\n").unwrap();
    let environment = Environment { id: "E".into(), name: "origin".into(), webhooks: true };
    let refused = Desk::open(&folder.0, environment, Arc::new(|| 0)).unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt(_, 1, _)), "{refused}");
}

#[tokio::test]
async fn one_folder_serves_one_process() {
    let folder = Folder::new();
    let _desk = folder.open();
    let environment = Environment { id: "E".into(), name: "origin".into(), webhooks: true };
    let refused = Desk::open(&folder.0, environment, Arc::new(|| 0)).unwrap_err();
    assert!(matches!(refused, StoreError::InUse(_)), "{refused}");
}

#[tokio::test]
async fn closed_books_take_nothing_more_and_their_folder_is_free() {
    let folder = Folder::new();
    let old = folder.open();
    add(&old, "a").await;
    old.close().await;
    let new = folder.open();
    assert!(matches!(old.change(|books, _| books.next_seq()).await, Err(StoreError::Stopping)));
    assert_eq!(ids(&new), ["a"]);
}

#[tokio::test]
async fn a_journal_does_not_grow_for_ever() {
    let folder = Folder::new();
    let desk = folder.open();
    for _ in 0..200 {
        let key = SigningKey { id: "a".into(), seq: 1, created_ms: 0, public_der: "x".repeat(50_000) };
        desk.change(move |books, _| books.put_key(key)).await.unwrap();
    }
    assert!(fs::metadata(folder.0.join(JOURNAL)).unwrap().len() < 2 * ANEW_BYTES);
    drop(desk);
    assert_eq!(ids(&folder.open()), ["a"]);
}

#[tokio::test]
async fn only_the_owner_may_read_the_journal() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let _desk = folder.open();
    let mode = fs::metadata(folder.0.join(JOURNAL)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
