use super::*;

fn load(file: Option<&str>, env: &[(&str, &str)]) -> Result<Config, Problems> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let path = file.map(|text| {
        let path = std::env::temp_dir().join(format!(
            "backstage-config-{}-{:x}.toml",
            std::process::id(),
            rand::random::<u64>()
        ));
        std::fs::write(&path, text).unwrap();
        path
    });
    let result = Config::load(&Sources { file: path.clone(), env });
    if let Some(path) = path {
        std::fs::remove_file(path).unwrap();
    }
    result
}

fn problems(file: Option<&str>, env: &[(&str, &str)]) -> Vec<String> {
    load(file, env).unwrap_err().0
}

#[test]
fn the_defaults_work_as_they_are() {
    let config = load(None, &[]).unwrap();
    assert!(config.is_development());
    assert_eq!(config.public_url(8_080), "http://127.0.0.1:8080");
    assert_eq!(config.database_url().expose(), "sqlite:data/backstage.db");
}

#[test]
fn a_later_layer_wins() {
    let file = "[server]\nport = 1001\nhost = \"::1\"\n[limits]\ncodes_per_address = { count = 7 }\n";
    let env = [("BACKSTAGE__SERVER__PORT", "1002"), ("OTHER", "x"), ("BACKSTAGE__MAIL__FROM", "1@2")];
    let config = load(Some(file), &env).unwrap();
    assert_eq!((config.server.port, config.server.host.to_string()), (1002, "::1".into()));
    assert_eq!(config.limits.codes_per_address, Rate { count: 7, seconds: 3_600 });
    assert_eq!(config.mail.from, "1@2");
    let config = load(Some(file), &[("BACKSTAGE__SERVER__PORT", "1002"), ("PORT", "1003")]).unwrap();
    assert_eq!((config.server.port, config.public_url(1003)), (1003, "http://[::1]:1003".into()));
}

#[test]
fn every_short_name_sets_its_key() {
    let env = [
        ("PORT", "0"),
        ("BACKSTAGE_DATA", "/kept here"),
        ("BACKSTAGE_ENV", "development"),
        ("DATABASE_URL", "postgres://u:p@h/n"),
        ("LIVEKIT_URL", "wss://live.example.com"),
        ("LIVEKIT_API_KEY", "key"),
        ("LIVEKIT_API_SECRET", "12345"),
        ("MUX_BASE_URL", "http://origin:1"),
        ("MQTT_URL", "mqtt://broker"),
        ("SENTRY_DSN", "https://k@sentry.example.com/1"),
    ];
    let config = load(None, &env).unwrap();
    assert_eq!(config.livekit.api_secret.expose(), "12345");
    assert_eq!(config.database_url().expose(), "postgres://u:p@h/n");
    assert_eq!(config.mux.base_url, "http://origin:1");
    assert_eq!(config.data.dir, PathBuf::from("/kept here"));
    assert_eq!((config.mqtt.url.as_str(), config.server.port), ("mqtt://broker", 0));
    assert_eq!(config.telemetry.sentry_dsn.expose(), "https://k@sentry.example.com/1");
}

#[test]
fn lists_in_the_environment_are_parted_by_commas() {
    let config = load(None, &[("BACKSTAGE__SERVER__TRUSTED_PROXIES", "10.0.0.1, ::1")]).unwrap();
    assert_eq!(config.server.trusted_proxies.len(), 2);
}

#[test]
fn everything_wrong_is_said_at_once() {
    let file = "colour = 1\n[server]\nprot = 1\nport = \"80\"\n[streams]\ngrace_ms = 5\n[mqtt]\nport = 70000\n";
    let env = [
        ("BACKSTAGE__SERVER__HOST", "localhost"),
        ("BACKSTAGE__STREAMS__SWEEP_MS", "soon"),
        ("BACKSTAGE__NO__SUCH", "1"),
        ("BACKSTAGE_ENV", "staging"),
        ("LIVEKIT_URL", "wss://live.example.com"),
        ("LIVEKIT_API_SECRET", ""),
        ("MQTT_URL", "broker:1883"),
    ];
    let said = problems(Some(file), &env);
    let begins = [
        "colour is not a known key: remove it",
        "server.prot is not a known key: did you mean port?",
        "server.port must be a whole number, not a text in quotes",
        "streams.grace_ms must be between 1000 and 1800000, not 5",
        "mqtt.port must be between 0 and 65535, not 70000",
        "server.host (BACKSTAGE__SERVER__HOST) must be an IP address",
        "streams.sweep_ms (BACKSTAGE__STREAMS__SWEEP_MS) must be a whole number, not \"soon\"",
        "BACKSTAGE__NO__SUCH sets no.such, which is not a known key",
        "environment (BACKSTAGE_ENV) must be one of development, production, not \"staging\"",
        "livekit.api_secret (LIVEKIT_API_SECRET) is set to nothing",
        "livekit.api_key (LIVEKIT_API_KEY) is empty",
        "livekit.api_secret (LIVEKIT_API_SECRET) is empty",
        "mqtt.url (MQTT_URL) begins with broker:",
    ];
    for begin in begins {
        assert!(said.iter().any(|sentence| sentence.starts_with(begin)), "{begin} is missing in {said:#?}");
    }
    assert_eq!(said.len(), begins.len(), "{said:#?}");
}

#[test]
fn an_empty_secret_refuses_to_start() {
    let existing = [("LIVEKIT_URL", "wss://h"), ("LIVEKIT_API_KEY", "k")];
    assert_eq!(problems(None, &existing).len(), 1);
    assert_eq!(problems(None, &[("LIVEKIT_API_SECRET", "")]).len(), 1);
    assert_eq!(problems(None, &[("BACKSTAGE__MQTT__PASSWORD", "")]).len(), 1);
    assert_eq!(problems(None, &[("MUX_TOKEN_ID", "t")]).len(), 4);
    assert_eq!(problems(None, &[("MUX_TOKEN_SECRET", "hunter2")]).len(), 1);
    let half = problems(None, &[("LIVEKIT_API_SECRET", "s")]);
    assert!(half[0].contains("livekit.url (LIVEKIT_URL) is not"), "{half:?}");
}

#[test]
fn production_needs_an_address_and_mail() {
    let said = problems(None, &[("BACKSTAGE_ENV", "production")]);
    assert_eq!(said.len(), 2, "{said:?}");
    let env = [
        ("BACKSTAGE_ENV", "production"),
        ("BACKSTAGE__SERVER__PUBLIC_URL", "https://live.example.com/"),
        ("BACKSTAGE__MAIL__SMTP_URL", "smtps://u:p@mail.example.com"),
    ];
    let config = load(None, &env).unwrap();
    assert_eq!(config.public_url(1), "https://live.example.com");
    assert!(config.logs_json());
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_named() {
    let missing = Config::load(&Sources { file: Some("/no/such/file.toml".into()), env: vec![] }).unwrap_err().0;
    assert!(missing[0].starts_with("the configuration file /no/such/file.toml cannot be read"), "{missing:?}");
    let broken = problems(Some("[server\nport"), &[]);
    assert!(broken[0].contains("is not valid TOML"), "{broken:?}");
}

#[test]
fn secrets_are_never_shown() {
    let env = [
        ("DATABASE_URL", "postgres://u:hunter2@h/n"),
        ("LIVEKIT_URL", "ws://h"),
        ("LIVEKIT_API_KEY", "k"),
        ("LIVEKIT_API_SECRET", "hunter2"),
        ("MQTT_URL", "mqtt://h"),
        ("BACKSTAGE__MQTT__USER", "u"),
        ("BACKSTAGE__MQTT__PASSWORD", "hunter2"),
        ("BACKSTAGE__MAIL__SMTP_URL", "smtp://u:hunter2@h"),
        ("SENTRY_DSN", "https://hunter2@h/1"),
    ];
    let config = load(None, &env).unwrap();
    let shown = format!("{config:?}{}", toml::to_string(&config).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
    let wrong = problems(None, &[("DATABASE_URL", "mysql://u:hunter2@h/n"), ("SENTRY_DSN", "hunter2")]);
    assert!(!wrong.join(" ").contains("hunter2"), "{wrong:?}");
}

#[test]
fn every_number_has_bounds_and_every_key_a_comment() {
    let text = include_str!("../../config/default.toml");
    let lines: Vec<&str> = text.lines().collect();
    for (n, line) in lines.iter().enumerate() {
        let Some((key, value)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) else { continue };
        // A block of keys shares the comment above it.
        let above = lines[..n].iter().rev().take_while(|line| !line.is_empty() && !line.starts_with('['));
        assert!(above.clone().any(|line| line.starts_with('#')), "{key} has no comment");
        if value.parse::<i64>().is_ok() {
            let far = format!("{}_000_000_000_000", value);
            let env = text[..text.find(line).unwrap()].lines().rev().find(|line| line.starts_with('[')).unwrap();
            let section = env.trim_matches(['[', ']']).replace('.', "__").to_uppercase();
            let name = format!("BACKSTAGE__{section}__{}", key.to_uppercase());
            let said = problems(None, &[(&name, if value == "0" { "9000000000000" } else { &far })]);
            assert!(said[0].contains("must be between"), "{said:?}");
        }
    }
}

#[test]
fn storage_is_a_folder_unless_a_bucket_is_named_in_full() {
    let config = load(None, &[]).unwrap();
    assert_eq!((config.storage.kind, config.objects_dir()), (StorageKind::Files, PathBuf::from("data/objects")));
    let config = load(Some("[storage]\nfolder = \"/kept\""), &[]).unwrap();
    assert_eq!(config.objects_dir(), PathBuf::from("/kept"));

    let said = problems(Some("[storage]\nkind = \"s3\"\nfolder = \"/kept\""), &[]);
    for (said, begins) in said.iter().zip([
        "storage.s3.bucket is empty",
        "storage.s3.region is empty",
        "storage.s3.access_key_id is empty",
        "storage.s3.secret_access_key is empty",
        "storage.folder is set but storage.kind is \"s3\"",
    ]) {
        assert!(said.starts_with(begins), "{said}");
    }
    assert_eq!(said.len(), 5, "{said:?}");
    let said = problems(Some("[storage.s3]\nbucket = \"b\"\nendpoint = \"r2\""), &[]);
    assert!(said[0].starts_with("storage.s3 is filled in but storage.kind is \"files\""), "{said:?}");
    assert!(said[1].starts_with("storage.s3.endpoint is not a URL"), "{said:?}");
    assert!(problems(Some("[storage]\nkind = \"tape\""), &[])[0].starts_with("storage.kind must be one of files, s3"));

    let env = [
        ("BACKSTAGE__STORAGE__KIND", "s3"),
        ("BACKSTAGE__STORAGE__S3__ENDPOINT", "https://account.r2.cloudflarestorage.com"),
        ("BACKSTAGE__STORAGE__S3__REGION", "auto"),
        ("BACKSTAGE__STORAGE__S3__BUCKET", "shows"),
        ("BACKSTAGE__STORAGE__S3__ACCESS_KEY_ID", "id"),
        ("BACKSTAGE__STORAGE__S3__SECRET_ACCESS_KEY", "not to be seen"),
        ("BACKSTAGE__STORAGE__S3__PATH_STYLE", "false"),
    ];
    let config = load(None, &env).unwrap();
    assert!(!config.storage.s3.path_style);
    assert!(
        !toml::to_string(&config).unwrap().contains("not to be seen") && !format!("{config:?}").contains("not to be")
    );
    assert!(problems(None, &[("BACKSTAGE__STORAGE__S3__SECRET_ACCESS_KEY", "")])[0].contains("set to nothing"));
}

#[test]
fn texts_go_by_twilio_where_its_keys_are_and_half_of_them_are_told() {
    let production = [
        ("BACKSTAGE_ENV", "production"),
        ("BACKSTAGE__SERVER__PUBLIC_URL", "https://live.example.com"),
        ("BACKSTAGE__MAIL__SMTP_URL", "smtps://u:p@mail.example.com"),
    ];
    assert_eq!(load(None, &[]).unwrap().texts_by(), TextsBy::Mailbox);
    assert_eq!(load(None, &production).unwrap().texts_by(), TextsBy::Nobody);
    let none = [("BACKSTAGE__SMS__PROVIDER", "none")];
    assert_eq!(load(None, &none).unwrap().texts_by(), TextsBy::Nobody);
    let keys = [
        ("TWILIO_ACCOUNT_SID", "AC0123456789abcdef0123456789abcdef"),
        ("TWILIO_AUTH_TOKEN", "hunter2"),
        ("TWILIO_FROM", "+15005550006"),
    ];
    let config = load(None, &[&production[..], &keys].concat()).unwrap();
    assert_eq!(config.texts_by(), TextsBy::Twilio);
    assert!(!format!("{config:?}{}", toml::to_string(&config).unwrap()).contains("hunter2"));
    assert_eq!(load(None, &keys).unwrap().texts_by(), TextsBy::Twilio, "in development too");

    assert_eq!(problems(None, &keys[..1]).len(), 2);
    assert_eq!(problems(None, &[("BACKSTAGE__SMS__PROVIDER", "twilio")]).len(), 3);
    assert_eq!(problems(None, &[&keys[..], &none].concat()).len(), 3);
    assert_eq!(problems(None, &[("TWILIO_AUTH_TOKEN", "")]).len(), 1);
    let wrong = [
        ("TWILIO_ACCOUNT_SID", "AC../Messages"),
        ("TWILIO_AUTH_TOKEN", "hunter2\n"),
        ("TWILIO_FROM", "600 123 456"),
        ("BACKSTAGE__SMS__BASE_URL", "http://api.twilio.com"),
        ("BACKSTAGE__SMS__HOURLY_MAX", "0"),
    ];
    let said = problems(None, &wrong);
    for begin in [
        "sms.account_sid is no account SID",
        "sms.auth_token has spaces",
        "sms.from is neither a number",
        "sms.base_url must begin with https://",
        "sms.hourly_max (BACKSTAGE__SMS__HOURLY_MAX) must be between 1 and",
    ] {
        assert!(said.iter().any(|sentence| sentence.starts_with(begin)), "{begin} is missing in {said:#?}");
    }
    assert!(said.len() == 5 && !said.join(" ").contains("hunter2"), "{said:#?}");
    let carrier = problems(None, &[("BACKSTAGE__SMS__PROVIDER", "pigeon")]);
    assert!(carrier[0].starts_with("sms.provider (BACKSTAGE__SMS__PROVIDER) must be one of auto, twilio, none"));
}

#[test]
fn egress_needs_a_livekit_of_ones_own_and_a_file_needs_egress() {
    assert_eq!(load(None, &[]).unwrap().delivery.bridge, BridgeKind::Embedded);
    let said = problems(Some("[delivery]\nbridge = \"egress\""), &[]);
    assert!(said[0].starts_with("delivery.bridge is \"egress\" but livekit.url (LIVEKIT_URL) is not set"), "{said:?}");
    assert_eq!(said.len(), 1, "{said:?}");
    let said = problems(Some("[delivery]\negress_file = \"shows/{time}\""), &[]);
    assert!(said[0].starts_with("delivery.egress_file is set but delivery.bridge is \"embedded\""), "{said:?}");
    let said = problems(Some("[delivery]\nbridge = \"rtmp\""), &[]);
    assert!(said[0].starts_with("delivery.bridge must be one of embedded, egress"), "{said:?}");

    let existing = [
        ("LIVEKIT_URL", "wss://live.example.com"),
        ("LIVEKIT_API_KEY", "k"),
        ("LIVEKIT_API_SECRET", "s"),
        ("BACKSTAGE__DELIVERY__BRIDGE", "egress"),
    ];
    let said = problems(Some("[delivery]\negress_file = \"show\""), &existing);
    assert!(said[0].starts_with("delivery.egress_file has neither {time} nor {utc} in it"), "{said:?}");
    let config = load(Some("[delivery]\negress_file = \"{room_name}/{time}\""), &existing).unwrap();
    assert_eq!(
        (config.delivery.bridge, config.delivery.egress_file.as_str()),
        (BridgeKind::Egress, "{room_name}/{time}")
    );
}
