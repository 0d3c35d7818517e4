namespace KvmSevVmm.Sev.Certificates;

/// <summary>A root key that a verifier accepts.</summary>
/// <param name="Name">What to call it: <c>AMD Milan</c>, or the name that the caller gave.</param>
/// <param name="Generation">The processors it stands for; null for a root that is not AMD's.</param>
public sealed record TrustedRoot(string Name, SevGeneration? Generation)
{
    /// <summary>True for one of AMD's own keys.</summary>
    public bool IsAmd => Generation is not null;
}
