using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>The owner of a guest, who is shown the measurement before the guest runs and may then send secrets.</summary>
public interface ILaunchOwner
{
    /// <summary>Decides about a measured launch; may take as long as a person takes. Throws to end the launch.</summary>
    /// <param name="measurement">What the firmware measured.</param>
    /// <param name="policy">The policy of the launch.</param>
    /// <returns>Secrets to put into the guest, in this order; none lets it run as it is.</returns>
    IReadOnlyList<LaunchSecretDelivery> Approve(LaunchMeasurement measurement, KvmSevVmm.Sev.Policies.SevPolicy policy);
}
