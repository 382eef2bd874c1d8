//! Three experiences, each on air and with a recording, and the passes that open them.

use super::encoder;
use crate::browser::Browser;
use crate::house::House;
use backstage::recording::Recording;
use backstage_actors::ports::Path;
use backstage_core::space::SpaceEvent;
use tokio::sync::Mutex;

/// The first two ask for a pass, the last is open to everybody.
pub const EXPERIENCES: [&str; 3] = ["live", "backstage", "open"];

pub struct Show {
    pub id: String,
    pub stream: String,
    pub recording: Recording,
}

pub struct Stage {
    pub house: House,
    /// In the order of [`EXPERIENCES`].
    pub shows: Vec<Show>,
    /// One at a time: a code is asked for by one browser.
    pub creator: Mutex<Browser>,
}

impl Stage {
    pub async fn open() -> Stage {
        Stage::in_house(House::open().await).await
    }

    /// With an HLS side: nothing is sent before it is chosen.
    pub async fn open_with_hls() -> Stage {
        let house = House::open_beside(
            |config| {
                config.recording.enabled = false;
                let delivery = &mut config.delivery;
                (delivery.cohort_percent, delivery.cohort_every_ms, delivery.jitter_ms) = (100, 100, 0);
                (delivery.warm_limit_ms, delivery.retry_ms_min, delivery.retry_ms_max) = (60_000, 500, 500);
            },
            async |config| Some(encoder::hls(config).await),
        );
        Stage::in_house(house.await).await
    }

    /// Passes: `free` opens all, `crew` and on trial `taste` backstage, `basic` live, `pro` live and backstage. Another
    /// space sells `vip`, which opens all of that.
    async fn in_house(house: House) -> Stage {
        let mut creator = house.creator().await;
        house.free_opens_all(&mut creator).await;
        let mut shows = vec![];
        for slug in EXPERIENCES {
            if slug == "open" {
                let fields = [("title", slug), ("slug", slug), ("grace_s", "60"), ("access", "open")];
                let made = creator.form("/studio/demo/experiences/new", &fields).await;
                assert_eq!(made.status, 303, "{}", made.body);
            }
            let id = house.browser().get(&format!("/m/demo/{slug}")).await.between("data-experience-id=\"", "\"");
            let recording = recorded(&house, slug, &id).await;
            let went = creator.api(&format!("/api/v1/experiences/{id}/go-live")).await;
            assert_eq!(went.status, 200, "{}", went.body);
            let stream = went.json()["stream_id"].as_str().unwrap().to_owned();
            shows.push(Show { id, stream, recording });
        }
        let backstage = shows[1].id.clone();
        for (name, slug, price) in [
            ("Crew", "crew", None),
            ("Taste", "taste", Some([("kind", "recurring"), ("amount", "5"), ("every_unit", "month")])),
        ] {
            let pass = [("name", name), ("slug", slug), ("status", "published"), ("opens", "only")];
            let pass = [pass.as_slice(), &[("experience", backstage.as_str())]].concat();
            assert_eq!(creator.form("/studio/demo/passes/new", &pass).await.status, 303);
            if let Some(price) = price {
                let trial = [price.as_slice(), &[("currency", "USD"), ("trial_days", "7")]].concat();
                let made = creator.form(&format!("/studio/demo/passes/{slug}/prices/new"), &trial).await;
                assert_eq!(made.status, 303, "{}", made.body);
            }
        }
        let mut rival = house.signed_in("rival@example.com").await;
        let space = [("name", "Rival"), ("slug", "rival"), ("accent", "blue")];
        assert_eq!(rival.form("/studio/spaces/new", &space).await.status, 303);
        house.sell(&mut rival, "rival", "vip").await;
        Stage { house, shows, creator: Mutex::new(creator) }
    }
}

impl Stage {
    /// An operator closes the space.
    pub async fn close_space(&self) {
        let state = &self.house.app.state;
        let space = state.store.find_space("demo").await.unwrap().unwrap().state.id;
        state.stage.space(&space, SpaceEvent::Suspend).await.unwrap();
    }
}

async fn recorded(house: &House, slug: &str, id: &str) -> Recording {
    let state = &house.app.state;
    let space = state.store.find_space("demo").await.unwrap().unwrap().state.id;
    let stream = format!("stream-of-{slug}");
    let path = Path { space, experience: id.parse().unwrap(), stream: stream.parse().unwrap() };
    house.archived(&path).await
}
