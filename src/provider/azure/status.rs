//! How far Privileged Identity Management is with a request. HTTP success means that the request was taken; this says what
//! came of it. Azure adds words to its list as it likes: one that we do not know counts as not done yet.

/// What a status means for whoever waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    /// It is there.
    Provisioned,
    /// It was taken, and begins in a moment.
    Scheduled,
    /// It is being worked on.
    Running,
    /// Somebody in Azure has to say yes first.
    AwaitsPeople,
    /// It was taken away again, or taken back.
    Over,
    /// It will not come to be.
    Failed(String),
}

impl Status {
    /// Reads Azure's word.
    pub fn read(word: &str) -> Self {
        let is = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(word));
        if is(&["Provisioned"]) {
            Self::Provisioned
        } else if is(&["Granted", "ScheduleCreated"]) {
            Self::Scheduled
        } else if is(&["PendingApproval", "PendingAdminDecision", "PendingApprovalProvisioning"]) {
            Self::AwaitsPeople
        } else if is(&["Revoked", "Canceled"]) {
            Self::Over
        } else if is(&["Denied", "Failed", "FailedAsResourceIsLocked", "AdminDenied", "TimedOut", "Invalid"]) {
            Self::Failed(word.to_owned())
        } else {
            Self::Running
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_azures_has_a_meaning() {
        for (word, status) in [
            ("Provisioned", Status::Provisioned),
            ("provisioned", Status::Provisioned),
            ("Granted", Status::Scheduled),
            ("ScheduleCreated", Status::Scheduled),
            ("Accepted", Status::Running),
            ("PendingEvaluation", Status::Running),
            ("PendingProvisioning", Status::Running),
            ("ProvisioningStarted", Status::Running),
            ("PendingScheduleCreation", Status::Running),
            ("PendingExternalProvisioning", Status::Running),
            ("PendingRevocation", Status::Running),
            ("AdminApproved", Status::Running),
            ("SomethingNew", Status::Running),
            ("PendingApproval", Status::AwaitsPeople),
            ("PendingAdminDecision", Status::AwaitsPeople),
            ("PendingApprovalProvisioning", Status::AwaitsPeople),
            ("Revoked", Status::Over),
            ("Canceled", Status::Over),
            ("Denied", Status::Failed("Denied".into())),
            ("TimedOut", Status::Failed("TimedOut".into())),
        ] {
            assert_eq!(Status::read(word), status, "{word}");
        }
    }
}
