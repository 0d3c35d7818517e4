using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>What a guest's owner and the user decide about a SEV-SNP launch, read and checked before the host is touched.</summary>
/// <param name="Start">The parameters of SNP_LAUNCH_START.</param>
/// <param name="Finish">The parameters of SNP_LAUNCH_FINISH.</param>
public sealed record SnpLaunchInput(SnpLaunchStartRequest Start, SnpLaunchFinishRequest Finish)
{
    private const string Option = "--sev";
    private const int HostDataSize = 32;

    /// <summary>Reads the files and checks what they and the policy say.</summary>
    /// <param name="config">The configuration.</param>
    /// <exception cref="InvalidInputException">The policy cannot be, or only one of ID block and its authentication is given.</exception>
    /// <exception cref="SevFormatException">A file is not what it must be.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static SnpLaunchInput Read(SevConfig config)
    {
        SnpPolicy policy = config.SnpPolicy ?? SnpPolicy.Default;
        if (policy.GetProblems() is [string problem, ..])
        {
            throw new InvalidInputException(Option, "policy", $"{policy}: {problem.TrimEnd('.')}");
        }

        byte[] hostData = [];
        if (config.HostDataPath is string hostDataPath)
        {
            hostData = ReadBlob(hostDataPath, "host data", HostDataSize);
        }

        if (config.IdBlockPath is null != config.IdAuthenticationPath is null)
        {
            throw new InvalidInputException(
                Option,
                config.IdBlockPath is null ? "id-block" : "id-auth",
                "is missing; the ID block and its authentication go together");
        }

        SnpLaunchStartRequest start = new(policy, default);
        if (config.IdBlockPath is not string blockPath)
        {
            return config.HasAuthorKey
                ? throw new InvalidInputException(Option, "author-key", "needs id-block and id-auth")
                : new SnpLaunchInput(start, new SnpLaunchFinishRequest(default, default, false, config.IsVcekDisabled, hostData));
        }

        IdBlock block = IdBlock.Parse(ReadBlob(blockPath, "ID block", IdBlock.Size), blockPath);
        IdAuthentication authentication = IdAuthentication.Parse(
            ReadBlob(config.IdAuthenticationPath!, "ID authentication", IdAuthentication.Size), config.IdAuthenticationPath!);
        SnpLaunchFinishRequest finish = new(
            block.Bytes.ToArray(), authentication.Bytes.ToArray(), config.HasAuthorKey, config.IsVcekDisabled, hostData);
        SnpLaunchInput input = new(start, finish);

        // As the firmware will, which says only that something is wrong; the digest is not known yet.
        VerificationReport report = IdBlockVerifier.Verify(block, authentication, config.HasAuthorKey, default, policy);
        return report.Failures.FirstOrDefault() is { } failure
            ? throw new InvalidInputException(Option, failure.Name, failure.Detail)
            : input;
    }

    /// <summary>Reads a file, raw or base64; or takes the text itself for base64, as QEMU's and libvirt's options have it.</summary>
    private static byte[] ReadBlob(string text, string field, int size)
    {
        byte[] decoded = new byte[size];
        return !File.Exists(text) && Convert.TryFromBase64String(text, decoded, out int length) && length == size
            ? decoded
            : EncodedBlob.ReadFile(text, field, size).Bytes;
    }

    /// <summary>The launch digest that the ID block asks for; null without one.</summary>
    internal ReadOnlyMemory<byte>? WantedDigest =>
        Finish.IdBlock.IsEmpty ? (ReadOnlyMemory<byte>?)null : IdBlock.Parse(Finish.IdBlock.Span, "id-block").LaunchDigest.ToArray();
}
