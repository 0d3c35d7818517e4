using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>Checks an ID block as SNP_LAUNCH_FINISH will, so that a mistake shows before the guest is launched.</summary>
public static class IdBlockVerifier
{
    /// <summary>Verifies.</summary>
    /// <param name="block">The ID block.</param>
    /// <param name="authentication">Its signatures.</param>
    /// <param name="isAuthorKeyWanted">Whether the launch will ask for the author key (AUTHOR_KEY_EN).</param>
    /// <param name="launchDigest">The launch digest that the guest will have, 48 bytes; empty if it is not known.</param>
    /// <param name="policy">The policy that the guest will have; null if it is not known.</param>
    /// <returns>
    /// <c>id-block.launch-digest</c>, <c>id-block.policy</c>, <c>id-block.signature</c>, <c>id-key.signature</c>, in the firmware's
    /// order.
    /// </returns>
    public static VerificationReport Verify(
        IdBlock block,
        IdAuthentication authentication,
        bool isAuthorKeyWanted,
        ReadOnlySpan<byte> launchDigest,
        SnpPolicy? policy)
    {
        CheckList checks = new();
        string digest = Convert.ToHexStringLower(block.LaunchDigest);
        if (launchDigest.IsEmpty)
        {
            checks.NotChecked("id-block.launch-digest", $"no launch digest was given; the block says {digest}");
        }
        else
        {
            bool isSame = block.LaunchDigest.SequenceEqual(launchDigest);
            checks.Add(
                "id-block.launch-digest",
                isSame,
                isSame ? digest : $"{digest}, but the guest's is {Convert.ToHexStringLower(launchDigest)}: BAD_MEASUREMENT");
        }

        if (policy is { } wanted)
        {
            bool isSame = block.Policy == wanted;
            checks.Add("id-block.policy", isSame, isSame ? $"{wanted}" : $"{block.Policy}, but the guest's is {wanted}: POLICY_FAILURE");
        }
        else
        {
            checks.NotChecked("id-block.policy", $"no policy was given; the block says {block.Policy}");
        }

        bool isSigned = authentication.IsSigned(block);
        checks.Add("id-block.signature", isSigned, isSigned ? "by the ID key" : "it does not verify: BAD_SIGNATURE");
        if (isAuthorKeyWanted)
        {
            bool isKeySigned = authentication.IsIdKeySigned();
            checks.Add("id-key.signature", isKeySigned, isKeySigned ? "by the author key" : "it does not verify: BAD_SIGNATURE");
        }
        else
        {
            checks.NotChecked("id-key.signature", "the launch asks for no author key");
        }

        return checks.ToReport();
    }
}
