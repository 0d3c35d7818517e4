using KvmSevVmm.Sev;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>The owner of a guest, who is shown the measurement before the guest runs and may then send secrets.</summary>
public interface ILaunchOwner
{
    /// <summary>Learns of the platform before anything is launched on it.</summary>
    /// <param name="platform">The platform; it is gone when the machine is.</param>
    void Meet(GuestPlatform platform);

    /// <summary>
    /// Decides about a measured launch, on the thread that launches; may take as long as a person takes. Returns to let the guest run,
    /// throws to end the launch.
    /// </summary>
    /// <param name="launch">What was measured; takes the owner's secrets until this returns.</param>
    void Approve(MeasuredLaunch launch);

    /// <summary>
    /// Learns of the launch of a SEV-SNP guest, which takes no secrets and waits for nobody: its owner asks it for its report while it
    /// runs.
    /// </summary>
    /// <param name="launch">What was launched.</param>
    /// <param name="firmware">The version of the platform's firmware.</param>
    void Learn(SnpLaunchResult launch, SevFirmwareVersion firmware);
}
