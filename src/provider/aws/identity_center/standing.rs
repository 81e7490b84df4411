//! What a user has already: for one assignment, or for many of them at once. A request for a whole organization would take
//! minutes to look at account by account; the user's own list, of which a page has a hundred entries, takes a moment.

use std::collections::HashMap;

use aws_sdk_ssoadmin::types::PrincipalType;

use super::{
    IdentityCenter,
    assignment::{Assignment, Seen},
    call::{Halt, Operation, call},
    notes::Notes,
};
use crate::provider::Work;

/// For so many assignments or fewer they are looked at one by one.
const FEW: usize = 2;

/// All that a user has: by account and permission set.
#[derive(Debug)]
pub(super) struct Standing {
    user_id: String,
    seen: HashMap<(String, String), Seen>,
}

impl Standing {
    /// Whether the user has it; nothing when the list is somebody else's.
    pub fn of(&self, it: &Assignment) -> Option<Seen> {
        let key = (it.account.clone(), it.permission_set_arn.clone());
        (it.user_id == self.user_id).then(|| self.seen.get(&key).copied().unwrap_or(Seen::Absent))
    }
}

impl IdentityCenter {
    /// Finds out about assignments of one holder.
    pub(super) async fn find_out_all(&self, works: &[Work]) -> Result<Vec<Notes>, Halt> {
        let standing = match works {
            [first, ..] if works.len() > FEW => Some(self.standing(first).await?),
            _ => None,
        };
        let mut found = Vec::new();
        for work in works {
            found.push(self.find_out(work, standing.as_ref()).await?);
        }
        Ok(found)
    }

    async fn standing(&self, work: &Work) -> Result<Standing, Halt> {
        let instance = self.facts.instance(&self.quota).await?;
        let user_id = self.user(work, instance).await?;
        let about = format!("all that user {user_id} has in Identity Center");
        let (mut seen, mut next) = (HashMap::new(), None);
        loop {
            let request = self
                .wire
                .reading
                .list_account_assignments_for_principal()
                .instance_arn(&instance.arn)
                .principal_type(PrincipalType::User)
                .principal_id(&user_id)
                .max_results(100)
                .set_next_token(next);
            let page = call(&self.quota, Operation::ListAssignmentsOfUser, &about, request.send()).await?;
            for one in page.account_assignments() {
                let (Some(account), Some(set)) = (one.account_id(), one.permission_set_arn()) else { continue };
                let entry = seen.entry((account.to_owned(), set.to_owned())).or_insert(Seen::ThroughGroup);
                if one.principal_type() == Some(&PrincipalType::User) {
                    *entry = Seen::Assigned;
                }
            }
            next = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if next.is_none() {
                return Ok(Standing { user_id, seen });
            }
        }
    }
}
