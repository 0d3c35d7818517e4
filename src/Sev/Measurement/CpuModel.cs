namespace KvmSevVmm.Sev.Measurement;

/// <summary>A processor model as monitors name them, and the signature that it leaves in RDX after reset.</summary>
/// <param name="Name">The name, as QEMU's <c>-cpu</c> takes it.</param>
/// <param name="Family">The family, base and extended added.</param>
/// <param name="Model">The model, base and extended joined.</param>
/// <param name="Stepping">The stepping, 0 to 15.</param>
public sealed record CpuModel(string Name, byte Family, byte Model, byte Stepping)
{
    /// <summary>CPUID Fn0000_0001 EAX.</summary>
    /// <remarks>Source: AMD CPUID specification 25481, Fn0000_0001 EAX.</remarks>
    public uint Signature
    {
        get
        {
            const uint Extended = 15;
            uint family = Math.Min(Family, Extended);
            return ((Family - family) << 20) | ((uint)(Model >> 4) << 16) | (family << 8) | ((uint)(Model & 15) << 4) | (Stepping & 15U);
        }
    }
}
