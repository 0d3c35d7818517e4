using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>One line of an event log.</summary>
/// <param name="Elapsed">When, counted from the monitor's start.</param>
public abstract record LoggedEvent(TimeSpan Elapsed)
{
    /// <summary>What the machine is.</summary>
    /// <param name="Elapsed">When.</param>
    /// <param name="Mode">What protects the memory, one word.</param>
    /// <param name="CBit">C-bit position, or null.</param>
    /// <param name="MemoryBytes">The guest's memory as configured, in bytes.</param>
    /// <param name="Abi">How the attributes of hypercall 12 are meant.</param>
    /// <param name="Time">The moment of this event on the wall clock.</param>
    public sealed record Machine(TimeSpan Elapsed, string Mode, int? CBit, ulong MemoryBytes, HypercallAbi Abi, DateTimeOffset Time)
        : LoggedEvent(Elapsed);

    /// <summary>What a range is used for, as the monitor knew.</summary>
    /// <param name="Elapsed">When.</param>
    /// <param name="Labelled">The range and its label.</param>
    public sealed record Region(TimeSpan Elapsed, LabelledRange Labelled) : LoggedEvent(Elapsed);

    /// <summary>Hypercall 12, as the guest made it.</summary>
    /// <param name="Elapsed">When.</param>
    /// <param name="Vcpu">The vCPU.</param>
    /// <param name="Gpa">First argument.</param>
    /// <param name="Pages">Second argument.</param>
    /// <param name="Attributes">Third argument.</param>
    /// <param name="Result">What the guest got.</param>
    public sealed record MapGpaRange(TimeSpan Elapsed, int Vcpu, ulong Gpa, ulong Pages, ulong Attributes, long Result)
        : LoggedEvent(Elapsed);

    /// <summary>Pages of a SEV-SNP guest that changed their state without a call: by the launch, or because a vCPU touched them.</summary>
    /// <param name="Elapsed">When.</param>
    /// <param name="Vcpu">The vCPU; -1 for the launch.</param>
    /// <param name="Range">The pages.</param>
    /// <param name="State">The state that they are in since then.</param>
    public sealed record Conversion(TimeSpan Elapsed, int Vcpu, GpaRange Range, PageState State) : LoggedEvent(Elapsed);

    /// <summary>A write to a model-specific register.</summary>
    /// <param name="Elapsed">When.</param>
    /// <param name="Vcpu">The vCPU.</param>
    /// <param name="Index">The register.</param>
    /// <param name="Value">The value.</param>
    public sealed record MsrWrite(TimeSpan Elapsed, int Vcpu, ulong Index, ulong Value) : LoggedEvent(Elapsed);

    /// <summary>A step in the life of the machine.</summary>
    /// <param name="Elapsed">When.</param>
    /// <param name="Name">The step.</param>
    /// <param name="Detail">What else was said, or null.</param>
    public sealed record Lifecycle(TimeSpan Elapsed, string Name, string? Detail) : LoggedEvent(Elapsed);

    /// <summary>Any other event.</summary>
    /// <param name="Elapsed">When.</param>
    public sealed record Other(TimeSpan Elapsed) : LoggedEvent(Elapsed);
}
