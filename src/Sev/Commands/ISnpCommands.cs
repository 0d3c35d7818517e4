namespace KvmSevVmm.Sev.Commands;

/// <summary>The commands of one SEV-SNP guest. A SNP guest takes none of <see cref="ISevCommands"/>.</summary>
/// <remarks>
/// Every method throws <see cref="SevCommandFailedException"/> when the command is refused. Not for several threads at once. Source: AMD SNP
/// ABI 56860; Linux, virt/kvm/x86/amd-memory-encryption.rst.
/// </remarks>
public interface ISnpCommands
{
    /// <summary>KVM_SEV_INIT2: makes the machine a SNP guest, once and before it has a vCPU.</summary>
    void Initialize();

    /// <summary>SNP_LAUNCH_START: makes the guest's context in the firmware.</summary>
    /// <param name="request">Policy and workarounds.</param>
    void LaunchStart(in SnpLaunchStartRequest request);

    /// <summary>KVM_SET_MEMORY_ATTRIBUTES: makes pages private or shared. A page that a launch adds must be private before.</summary>
    /// <param name="gpa">First byte; a multiple of 4096.</param>
    /// <param name="length">Bytes; a multiple of 4096.</param>
    /// <param name="isPrivate">What they shall be.</param>
    void SetPrivate(ulong gpa, ulong length, bool isPrivate);

    /// <summary>SNP_LAUNCH_UPDATE: adds pages to the guest and to the launch digest.</summary>
    /// <param name="source">Where the guest has the pages, and the content that they get; whole pages. Zero pages are not read.</param>
    /// <param name="type">What the pages are.</param>
    void LaunchUpdate(in GuestPiece source, SnpLaunchPageType type);

    /// <summary>SNP_LAUNCH_FINISH: measures every vCPU's registers and lets the guest run.</summary>
    /// <param name="request">ID block and host data.</param>
    void LaunchFinish(in SnpLaunchFinishRequest request);
}
