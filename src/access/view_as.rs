//! A team member looks at a page as somebody else would see it. It only ever takes away: tokens, sockets and playlists ask
//! who they really are.

use backstage_core::access::{Grant, Person};
use backstage_core::space::Space;
use serde::Deserialize;
use std::sync::Arc;

use crate::error::Problem;
use crate::locale;
use crate::pass;
use crate::state::State;

/// As whom: `?view=` and the address part of a pass, or [`NOBODY`].
#[derive(Debug, Default, Deserialize)]
pub struct ViewAs {
    view: Option<String>,
}

/// Somebody without a pass. No pass has this address.
const NOBODY: &str = "-";

impl ViewAs {
    /// Whom the page is for, and, if that is not the visitor, what they are called. Only team members may ask.
    pub async fn seen_by(
        &self,
        state: &State,
        space: &Space,
        visitor: Arc<Person>,
    ) -> Result<(Arc<Person>, Option<String>), Problem> {
        let Some(view) = self.view.as_deref().filter(|_| visitor.role.is_some()) else { return Ok((visitor, None)) };
        if view == NOBODY {
            return Ok((Arc::new(Person::default()), Some(locale::text("access.view_as.nobody").to_string())));
        }
        let passes = pass::store::of_space(&state.db, &space.id).await?;
        let Some(pass) = passes.into_iter().find(|pass| pass.terms.slug.as_str() == view) else {
            return Ok((visitor, None));
        };
        let grant = Grant {
            pass: pass.id,
            opens: pass.terms.opens,
            granted_at: state.clock.now(),
            expires_at: None,
            revoked_at: None,
        };
        let name = locale::text_with("access.view_as.holder", "pass", pass.terms.name);
        Ok((Arc::new(Person { role: None, grants: vec![grant] }), Some(name)))
    }
}
