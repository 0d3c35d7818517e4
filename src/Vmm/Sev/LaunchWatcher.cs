namespace KvmSevVmm.Vmm.Sev;

/// <summary>Who looks at a launch when it is measured, and before the guest runs.</summary>
/// <param name="TakeBundle">Takes everything that a verifier needs, or null; called first.</param>
/// <param name="Owner">Who decides about the measurement, or null to let the guest run whatever it is.</param>
public sealed record LaunchWatcher(Action<LaunchBundle>? TakeBundle, ILaunchOwner? Owner)
{
    /// <summary>Takes everything that a verifier of a SEV-SNP launch needs, or null; called when it is finished.</summary>
    public Action<SnpLaunchBundle>? TakeSnpBundle { get; init; }

    /// <summary>Nobody.</summary>
    public static LaunchWatcher None { get; } = new(null, null);
}
