using System.Text.Json.Serialization;

namespace KvmSevVmm.LabProbe;

/// <summary>What was seen of one case; written as one line of JSON.</summary>
internal sealed record ProbeResult
{
    /// <summary>The case.</summary>
    public required string Name { get; init; }

    /// <summary>How the guest ended: <c>answered</c>, or the exit that ended it.</summary>
    public required string End { get; init; }

    /// <summary>RAX at the answer, hexadecimal.</summary>
    public required string Rax { get; init; }

    /// <summary>RDX at the answer, hexadecimal.</summary>
    public required string Rdx { get; init; }

    /// <summary>KVM_EXIT_HYPERCALL exits.</summary>
    public required int HypercallExits { get; init; }

    /// <summary>MSR exits.</summary>
    public required int MsrExits { get; init; }

    /// <summary>longmode of the last hypercall exit, or null.</summary>
    public required bool? IsLongMode { get; init; }

    /// <summary>Why the monitor refused, in its words; null when it did not.</summary>
    public required string? Rejected { get; init; }

    /// <summary>The map after the call: maximal runs that are not unreported, as <c>start-end:state</c>.</summary>
    public required string Map { get; init; }

    /// <summary>Whether the guest's last word was that it can be migrated.</summary>
    public required bool MigrationReady { get; init; }
}

/// <summary>Serialisation code, made at build time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ProbeResult))]
internal sealed partial class ProbeJsonContext : JsonSerializerContext;
