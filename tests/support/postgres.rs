//! A Postgres cluster of our own, on a Unix socket in a temporary folder. It ends with the test process, however that
//! ends: a shell watches the pipe from us and takes everything down when it closes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const MISSING: &str = "Postgres is not installed: run bin/setup, or install the package \"postgresql\" \
     (its initdb is looked for in /usr/lib/postgresql/*/bin and on the PATH)";
const READY_MAX: Duration = Duration::from_secs(60);
const WATCH: &str = r#"
dir=$1; bin=$2
"$bin/initdb" -D "$dir/data" -U backstage -E UTF8 --locale=C --auth=trust --no-sync >"$dir/log" 2>&1 || exit 1
"$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c max_connections=300 -c fsync=off >>"$dir/log" 2>&1 &
server=$!
cat >/dev/null
kill -INT "$server"; wait "$server"
rm -rf "$dir"
"#;

struct Cluster {
    dir: PathBuf,
    // Its stdin closes with this process; that is the sign to stop.
    _watch: Child,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// URL of a new, empty database.
pub async fn new_database() -> String {
    let cluster = tokio::task::spawn_blocking(|| CLUSTER.get_or_init(Cluster::start)).await.unwrap();
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&cluster.url("postgres")).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.unwrap();
    pool.close().await;
    cluster.url(&name)
}

impl Cluster {
    fn start() -> Cluster {
        let bin = programs().expect(MISSING);
        let dir = std::env::temp_dir().join(format!("backstage-pg-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut command = match server_user() {
            // Postgres refuses to run as root.
            Some(user) => {
                let owned = Command::new("chown").arg(user).arg(&dir).status().unwrap();
                assert!(owned.success(), "chown {user} failed");
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--", "sh"]);
                command
            }
            None => Command::new("sh"),
        };
        command.args(["-c", WATCH, "sh"]).arg(&dir).arg(&bin).current_dir("/").stdin(Stdio::piped());
        let mut watch = command.spawn().unwrap();
        let began = Instant::now();
        let socket = dir.join(".s.PGSQL.5432");
        while !ready(&bin, &dir, &socket) {
            let log = || std::fs::read_to_string(dir.join("log")).unwrap_or_default();
            assert!(watch.try_wait().unwrap().is_none(), "Postgres did not start:\n{}", log());
            assert!(began.elapsed() < READY_MAX, "Postgres is not ready after {READY_MAX:?}:\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Cluster { dir, _watch: watch }
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://backstage@localhost/{database}?host={}", self.dir.display())
    }
}

fn ready(bin: &Path, dir: &Path, socket: &Path) -> bool {
    let asked = || Command::new(bin.join("pg_isready")).arg("-q").arg("-h").arg(dir).status();
    socket.exists() && asked().is_ok_and(|status| status.success())
}

/// The folder with `initdb` and `postgres`, the newest version first.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    folders.into_iter().rev().chain(std::env::split_paths(&on_path)).find(|folder| folder.join("initdb").exists())
}

/// Who runs the server when we are root: its own user, or nobody.
fn server_user() -> Option<&'static str> {
    let id = |args: &[&str]| Command::new("id").args(args).output().unwrap();
    if id(&["-u"]).stdout.trim_ascii() != b"0" {
        return None;
    }
    Some(if id(&["-u", "postgres"]).status.success() { "postgres" } else { "nobody" })
}
