//! The ARN of a role, and what follows from its partition: where browsers sign in and where the console lives.

use std::fmt;

/// `arn:<partition>:iam::<account>:role/<path><name>`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoleArn {
    /// `aws`, `aws-us-gov`, `aws-cn` …
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// Path and name, as they stand in the ARN: `deployers/prod-deploy`.
    resource: String,
}

impl RoleArn {
    /// Reads an ARN; `None` when it does not name a role.
    pub fn parse(text: &str) -> Option<Self> {
        let (arn, resource) = text.split_once(":role/")?;
        let [prefix, partition, service, region, account] = *arn.split(':').collect::<Vec<_>>() else { return None };
        let is_role = prefix == "arn" && !partition.is_empty() && service == "iam" && region.is_empty();
        let is_account = account.len() == 12 && account.bytes().all(|digit| digit.is_ascii_digit());
        let is_named = !resource.is_empty() && !resource.ends_with('/');
        (is_role && is_account && is_named).then(|| Self {
            partition: partition.to_owned(),
            account: account.to_owned(),
            resource: resource.to_owned(),
        })
    }

    /// What the IAM API wants to hear: the name without its path.
    pub fn name(&self) -> &str {
        self.resource.rsplit('/').next().unwrap_or(&self.resource)
    }

    /// The role of the same path and name in another account.
    pub fn in_account(&self, account: &str) -> Self {
        Self { account: account.to_owned(), ..self.clone() }
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:{}:iam::{}:role/{}", self.partition, self.account, self.resource)
    }
}

/// A partition with a sign-in service for browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Partition {
    /// `aws`: the commercial regions.
    Commercial,
    /// `aws-us-gov`
    UsGov,
    /// `aws-cn`
    China,
}

impl Partition {
    /// The partition of this name; `None` for the isolated ones, which have no public console.
    pub fn named(name: &str) -> Option<Self> {
        [("aws", Self::Commercial), ("aws-us-gov", Self::UsGov), ("aws-cn", Self::China)]
            .into_iter()
            .find_map(|(known, partition)| (known == name).then_some(partition))
    }

    /// Where credentials are exchanged for a sign-in token.
    /// Source: IAM User Guide, "Enable custom identity broker access to the AWS console"; hosts as in `granted`.
    pub fn federation_url(self) -> &'static str {
        match self {
            Self::Commercial => "https://signin.aws.amazon.com/federation",
            Self::UsGov => "https://signin.amazonaws-us-gov.com/federation",
            Self::China => "https://signin.amazonaws.cn/federation",
        }
    }

    /// The first page of the console in `region`.
    pub fn console_home(self, region: &str) -> String {
        let host = match self {
            Self::Commercial => "console.aws.amazon.com",
            Self::UsGov => "console.amazonaws-us-gov.com",
            Self::China => "console.amazonaws.cn",
        };
        format!("https://{host}/console/home?region={region}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_arn_comes_apart_and_together_again() {
        for (text, name) in [
            ("arn:aws:iam::111122223333:role/prod-deploy", "prod-deploy"),
            ("arn:aws-us-gov:iam::111122223333:role/jit/teams/prod-deploy", "prod-deploy"),
        ] {
            let arn = RoleArn::parse(text).unwrap();
            assert_eq!((arn.name(), arn.account.as_str(), arn.to_string().as_str()), (name, "111122223333", text));
        }
        let elsewhere =
            RoleArn::parse("arn:aws:iam::111122223333:role/jit/revoker").unwrap().in_account("444455556666");
        assert_eq!(elsewhere.to_string(), "arn:aws:iam::444455556666:role/jit/revoker");
    }

    #[test]
    fn what_names_no_role_is_refused() {
        for text in [
            "",
            "prod-deploy",
            "arn:aws:iam::1111:role/x",
            "arn:aws:iam::111122223333:user/x",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:sts::111122223333:assumed-role/x/y",
            "arn:aws:iam:eu-west-1:111122223333:role/x",
        ] {
            assert_eq!(RoleArn::parse(text), None, "{text}");
        }
    }
}
