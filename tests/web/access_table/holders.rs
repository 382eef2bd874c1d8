//! Who there is, and what they may watch.

use super::stage::Stage;
use crate::browser::Browser;
use Holder::*;

/// A kind of holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    Stranger,
    Account,
    Rival,
    FreePass,
    CrewPass,
    Expired,
    Revoked,
    Moderator,
    LeftTeam,
    Owner,
    Buyer,
    BuyerElsewhere,
    Unpaid,
    Unproven,
    Refunded,
    PartlyRefunded,
    RefundedSubscriber,
    Disputed,
    Subscriber,
    Cancelled,
    EndedByTeam,
    Declined,
    Lapsed,
    RanOut,
    Trial,
    TrialNotPaid,
}

/// Who may watch `live` (a pass), `backstage` (a pass) and `open` (everybody).
pub const EXPECTED: [(Holder, &str, [bool; 3]); 26] = [
    (Stranger, "a stranger", [false, false, true]),
    (Account, "an account without a pass", [false, false, true]),
    (Rival, "the owner of another space", [false, false, true]),
    (FreePass, "a holder of a pass to everything", [true, true, true]),
    (CrewPass, "a holder of a pass to backstage alone", [false, true, true]),
    (Expired, "somebody whose pass ran out", [false, false, true]),
    (Revoked, "somebody whose pass was taken back", [false, false, true]),
    (Moderator, "a moderator", [true, true, true]),
    (LeftTeam, "somebody who left the team", [false, false, true]),
    (Owner, "the owner", [true, true, true]),
    (Buyer, "a buyer of Pro", [true, true, true]),
    (BuyerElsewhere, "a buyer of everything in another space", [false, false, true]),
    (Unpaid, "somebody who began to buy Pro and did not pay", [false, false, true]),
    (Unproven, "somebody who paid for Pro and did not type the code yet", [false, false, true]),
    (Refunded, "a buyer of Pro who got everything back", [false, false, true]),
    (PartlyRefunded, "a buyer of Pro who got a part back", [true, true, true]),
    (RefundedSubscriber, "a buyer of Pro who got it back and has Basic too", [true, false, true]),
    (Disputed, "a buyer of Pro whose bank took the money back", [false, false, true]),
    (Subscriber, "a subscriber to Basic", [true, false, true]),
    (Cancelled, "one who cancelled and has paid for this month", [true, false, true]),
    (EndedByTeam, "a subscriber whom the team put out", [false, false, true]),
    (Declined, "a subscriber whose renewal was declined and is tried again", [true, false, true]),
    (Lapsed, "a subscriber whose renewal was declined for good", [false, false, true]),
    (RanOut, "a subscriber past month and grace", [false, false, true]),
    (Trial, "somebody on trial of a pass to backstage", [false, true, true]),
    (TrialNotPaid, "somebody whose card paid nothing after the trial", [false, false, true]),
];

#[test]
fn every_kind_of_holder_is_expected_once() {
    for (place, (holder, name, _)) in EXPECTED.into_iter().enumerate() {
        assert_eq!(holder as usize, place, "{name}");
    }
    assert_eq!(TrialNotPaid as usize + 1, EXPECTED.len(), "the last kind stands last");
}

impl Holder {
    /// Whether the server knows the browser again: only then it keeps a place in a recording.
    pub fn has_session(self) -> bool {
        !matches!(self, Stranger | Unproven)
    }
}

impl Stage {
    /// A browser of this kind, as it comes to be one.
    pub async fn holder(&self, holder: Holder) -> Browser {
        let house = &self.house;
        match holder {
            Stranger => house.browser(),
            Account => house.signed_in("account@example.com").await,
            Rival => house.signed_in("rival@example.com").await,
            FreePass => house.guest().await,
            CrewPass => {
                let mut crew = house.browser();
                crew.get("/demo").await;
                assert_eq!(crew.form("/demo/crew/join", &[]).await.status, 303);
                crew
            }
            Expired => {
                self.joined_and(
                    "expired@example.com",
                    "UPDATE grants SET expires_at = granted_at + 1 WHERE user_id = $1",
                )
                .await
            }
            Revoked => {
                self.joined_and(
                    "revoked@example.com",
                    "UPDATE grants SET revoked_at = granted_at + 1 WHERE user_id = $1",
                )
                .await
            }
            Moderator => self.moderator("moderator@example.com").await,
            LeftTeam => {
                let browser = self.moderator("left@example.com").await;
                self.changed("left@example.com", "UPDATE memberships SET left_at = joined_at + 1 WHERE user_id = $1")
                    .await;
                browser
            }
            Owner => house.creator().await,
            Buyer | BuyerElsewhere | Unpaid | Unproven | Refunded | PartlyRefunded | RefundedSubscriber | Disputed
            | Subscriber | Cancelled | EndedByTeam | Declined | Lapsed | RanOut | Trial | TrialNotPaid => {
                self.by_money(holder).await
            }
        }
    }

    /// An account that took the free pass, to which this happened then.
    async fn joined_and(&self, email: &str, statement: &'static str) -> Browser {
        let mut browser = self.house.signed_in(email).await;
        browser.get("/demo").await;
        assert_eq!(browser.form("/demo/free/join", &[]).await.status, 303);
        self.changed(email, statement).await;
        browser
    }

    async fn moderator(&self, email: &str) -> Browser {
        let browser = self.house.signed_in(email).await;
        let insert = "INSERT INTO memberships (team_id, user_id, role, joined_at) SELECT m.team_id, $1, 'moderator', 1 \
                      FROM memberships m JOIN users c ON c.id = m.user_id WHERE c.email = 'creator@example.com'";
        self.changed(email, insert).await;
        browser
    }

    /// Changes rows about a person behind the server's back, which holds nothing older in memory then.
    async fn changed(&self, email: &str, statement: &'static str) {
        let state = &self.house.app.state;
        let found = sqlx::query_as("SELECT id FROM users WHERE email = $1").bind(email);
        let (user,): (String,) = found.fetch_one(&state.db.pool).await.unwrap();
        sqlx::query(statement).bind(&user).execute(&state.db.pool).await.unwrap();
        state.access.forget_user(&user.parse().unwrap());
    }
}
