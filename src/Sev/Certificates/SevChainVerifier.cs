using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>Verifies a platform's certificates from AMD's root key down to the PDH.</summary>
/// <remarks>
/// The order: ARK pinned, ARK self-signed, ASK by ARK, CEK by ASK, OCA self-signed, PEK by OCA and by CEK, PDH by PEK. The versions of
/// the SEV API in the certificates are not compared with each other: real chips have a CEK that is older than the rest.
/// </remarks>
public static class SevChainVerifier
{
    /// <summary>Verifies.</summary>
    /// <param name="chain">The certificates.</param>
    /// <param name="anchors">The root keys that are accepted.</param>
    /// <returns>One check for each step, all of them whatever the first ones gave.</returns>
    public static VerificationReport Verify(SevCertificateChain chain, TrustAnchors anchors)
    {
        CheckList checks = new();
        CheckAuthority(checks, chain.Authority, anchors);
        if (chain.Authority is null)
        {
            checks.NotChecked("cek.signed-by-ask", "no ASK was given");
        }
        else if (chain.Cek.IsUnsigned)
        {
            checks.Fail(
                "cek.signed-by-ask",
                "the CEK is not signed: the platform exports it so; fetch the signed one from AMD by the chip's id");
        }
        else
        {
            checks.Add("cek.signed-by-ask", chain.Cek.IsSignedBy(chain.Authority.Ask, out string reason), reason);
        }

        checks.Add("oca.self-signature", chain.Oca.IsSignedBy(chain.Oca, out string why), why);
        checks.Add("pek.signed-by-oca", chain.Pek.IsSignedBy(chain.Oca, out why), why);
        checks.Add("pek.signed-by-cek", chain.Pek.IsSignedBy(chain.Cek, out why), why);
        checks.Add("pdh.signed-by-pek", chain.Pdh.IsSignedBy(chain.Pek, out why), why);
        return checks.ToReport();
    }

    private static void CheckAuthority(CheckList checks, AskArk? authority, TrustAnchors anchors)
    {
        if (authority is null)
        {
            const string Why = "no ASK and ARK were given (AMD's ask_ark file for this processor)";
            checks.NotChecked(RootPinCheck.Name, Why);
            checks.NotChecked("ark.self-signature", Why);
            checks.NotChecked("ask.signed-by-ark", Why);
            return;
        }

        AmdCertificate ark = authority.Ark;
        RootPinCheck.Check(checks, ark.GetKeyFingerprint(), anchors);
        bool isSelfSigned = ark.IsSignedBy(ark, out string reason);
        if (ark.HasSignature)
        {
            checks.Add("ark.self-signature", isSelfSigned, reason);
        }
        else
        {
            checks.NotChecked("ark.self-signature", "the file holds none (AMD first published Naples's so); the key itself is pinned");
        }

        bool isSignedByArk = authority.Ask.IsSignedBy(ark, out reason);
        checks.Add("ask.signed-by-ark", isSignedByArk && authority.Ask.Usage == SevKeyUsage.Ask, reason);
    }
}
