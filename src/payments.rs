//! Who takes money, made from the configuration: Stripe where there are keys, a sandbox of our own on a laptop, else nobody,
//! and then nothing can be sold.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Notify;

use crate::adapters::stripe::{self, Stripe};
use crate::app::StartError;
use crate::config::{Config, PaymentProvider, Secret};
use crate::order::Till;
use crate::order::store::Provider;
use crate::sandbox::{Receiver, Sandbox, Settings};
use crate::security::seal::Seal;

/// Path on our own site under which browsers reach our own sandbox.
pub const PATH: &str = "/sandbox";
/// Path that webhooks are posted to.
pub const WEBHOOKS: &str = "/webhooks/stripe";
/// What the sandbox keeps, in the data folder.
const FILE: &str = "sandbox.json";

/// See the module.
#[derive(Default)]
pub struct Payments {
    /// Takes the money; none: nothing is sold.
    pub till: Option<Arc<Till>>,
    /// Our own sandbox.
    pub sandbox: Option<Sandbox>,
}

impl Payments {
    /// Starts our own sandbox, or speaks to Stripe. `own_address`: where this server can be reached by itself.
    pub async fn of(config: &Config, seal: &Seal, site: &str, own_address: SocketAddr) -> Result<Payments, StartError> {
        let told = |error: &dyn std::fmt::Display| StartError::Other(format!("payments cannot be set up: {error}"));
        let given = &config.payments;
        let till = |stripe, provider, publishable_key: String, webhook_secret| Till {
            stripe,
            provider,
            publishable_key,
            webhook_secret,
            platform_fee_bp: given.platform_fee_bp,
            site: site.to_owned(),
            bell: Notify::new(),
        };
        match config.payment_provider() {
            PaymentProvider::None | PaymentProvider::Auto => Ok(Payments::default()),
            PaymentProvider::Stripe => {
                let settings =
                    stripe::Config { base_url: given.base_url.clone(), secret_key: given.secret_key.clone() };
                let stripe = Stripe::new(&settings).map_err(|error| told(&error))?;
                let (key, secret) = (given.publishable_key.clone(), given.webhook_secret.clone());
                Ok(Payments { till: Some(Arc::new(till(stripe, Provider::Stripe, key, secret))), sandbox: None })
            }
            PaymentProvider::Sandbox => {
                // Made of the server's own secret, so that they hold as long as the sandbox's file does.
                let secret_key = Secret::new(format!("sk_test_{}", seal.of("sandbox", &["secret"])));
                let publishable_key = format!("pk_test_{}", seal.of("sandbox", &["publishable"]));
                let webhook_secret = Secret::new(format!("whsec_{}", seal.of("sandbox", &["webhooks"])));
                let receiver =
                    Receiver { url: format!("http://{own_address}{WEBHOOKS}"), secret: webhook_secret.clone() };
                let sandbox = Sandbox::start(Settings {
                    public_base: Some(site.to_owned()),
                    publishable_key: publishable_key.clone(),
                    receiver: Some(receiver),
                    file: Some(config.data.dir.join(FILE)),
                    ..Settings::local(secret_key.clone())
                });
                let sandbox = sandbox.await.map_err(|error| told(&error))?;
                let stripe = Stripe::new(&stripe::Config { base_url: sandbox.url(), secret_key });
                let stripe = stripe.map_err(|error| told(&error))?;
                let till = till(stripe, Provider::Sandbox, publishable_key, webhook_secret);
                Ok(Payments { till: Some(Arc::new(till)), sandbox: Some(sandbox) })
            }
        }
    }
}

/// Sites that pages speak to when Stripe takes the money: its script, its frames, its API.
/// <https://docs.stripe.com/security/guide#content-security-policy>
pub const STRIPE_SCRIPT: &str = "https://js.stripe.com";
/// See [`STRIPE_SCRIPT`].
pub const STRIPE_FRAMES: &str = "https://js.stripe.com https://hooks.stripe.com";
/// See [`STRIPE_SCRIPT`].
pub const STRIPE_API: &str = "https://api.stripe.com";
