using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Sessions;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>What a guest's owner and the user decide about a SEV or SEV-ES launch, read and checked before the host is touched.</summary>
/// <param name="Kind">SEV or SEV-ES.</param>
/// <param name="Start">The parameters of LAUNCH_START.</param>
public sealed record SevLaunchInput(SevGuestKind Kind, LaunchStartRequest Start)
{
    /// <summary>The policy of a guest whose owner wants none: nobody may debug it.</summary>
    public const uint DefaultPolicy = 1 << 0;

    private const uint EncryptedState = 1 << 2;
    private const string Option = "--sev";

    /// <summary>Reads the files and checks what they and the policy say.</summary>
    /// <param name="config">The configuration; its guest is a SEV or SEV-ES guest, simulated or not.</param>
    /// <exception cref="InvalidInputException">
    /// The policy does not fit the mode, or only one of certificate and session is given.
    /// </exception>
    /// <exception cref="SevFormatException">A file is not what it must be.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static SevLaunchInput Read(SevConfig config)
    {
        bool isEs = config.Kind == SevGuestKind.SevEs;
        string wanted = config.Mode == SevMode.Simulated ? "kind=sev-es" : "mode sev-es";
        SevPolicy policy = config.Policy ?? new SevPolicy(isEs ? DefaultPolicy | EncryptedState : DefaultPolicy);
        if (policy.EncryptedState != isEs)
        {
            throw new InvalidInputException(
                Option,
                "policy",
                isEs ? $"{policy} lacks bit 2 (ES), which {wanted} needs" : $"{policy} has bit 2 (ES), which needs {wanted}");
        }

        if (policy.GetProblems() is [string problem, ..])
        {
            throw new InvalidInputException(Option, "policy", $"{policy}: {problem.TrimEnd('.')}");
        }

        if (config.OwnerCertificatePath is null != config.SessionPath is null)
        {
            throw new InvalidInputException(
                Option,
                config.SessionPath is null ? "session-file" : "dh-cert-file",
                "is missing; the owner's certificate and session are made together and go together");
        }

        return new SevLaunchInput(
            isEs ? SevGuestKind.SevEs : SevGuestKind.Sev,
            new LaunchStartRequest(
                policy,
                config.OwnerCertificatePath is string certificate
                    ? EncodedBlob.ReadFile(certificate, "Diffie-Hellman certificate", SevCertificate.Size).Bytes
                    : default,
                config.SessionPath is string session ? EncodedBlob.ReadFile(session, "session", SessionBlob.Size).Bytes : default));
    }
}
