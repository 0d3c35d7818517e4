using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>
/// A launch that is measured: it takes secrets until LAUNCH_FINISH, and gives attestation reports until the guest ends. For one thread
/// at a time.
/// </summary>
public sealed class MeasuredLaunch
{
    private readonly ISevCommands _commands;
    private readonly GuestMemory _memory;
    private readonly GpaRange _secretArea;
    private readonly List<GpaRange> _secrets = [];

    internal MeasuredLaunch(ISevCommands commands, GuestMemory memory, LaunchContent content, SevGuestKind kind, SevLaunchResult result)
    {
        _commands = commands;
        _memory = memory;
        _secretArea = content.SecretArea;
        Kind = kind;
        Result = result;
    }

    /// <summary>SEV or SEV-ES.</summary>
    public SevGuestKind Kind { get; }

    /// <summary>What was launched and measured.</summary>
    public SevLaunchResult Result { get; }

    /// <summary>Whether the firmware is the software model, so that nothing is encrypted and nothing is confidential.</summary>
    public bool IsSimulated { get; init; }

    /// <summary>The firmware's version, which the measurement covers.</summary>
    public SevFirmwareVersion Firmware { get; init; }

    /// <summary>LAUNCH_SECRET: puts a secret into the guest.</summary>
    /// <param name="packet">The owner's packet, made for this launch's measurement.</param>
    /// <param name="target">First guest address; null for the place that the guest has for it.</param>
    /// <returns>Where the secret is now.</returns>
    /// <exception cref="InvalidInputException">The place is none for a secret, or taken by another.</exception>
    /// <exception cref="SevCommandFailedException">The firmware refused, for instance with BAD_MEASUREMENT; the launch goes on.</exception>
    public GpaRange Inject(TransportPacket packet, Gpa? target)
    {
        GpaRange range = Place(packet, target);
        _commands.InjectSecret(packet, GuestPieces.Of(_memory, range));
        _secrets.Add(range);
        return range;
    }

    /// <summary>GET_ATTESTATION_REPORT: the firmware signs the launch digest.</summary>
    /// <param name="nonce">16 bytes that the report repeats.</param>
    /// <exception cref="SevCommandFailedException">The firmware refused.</exception>
    public byte[] GetAttestationReport(ReadOnlySpan<byte> nonce) => _commands.GetAttestationReport(nonce);

    private GpaRange Place(TransportPacket packet, Gpa? target)
    {
        ulong length = (ulong)packet.Data.Length;
        if (target is null && _secretArea.IsEmpty)
        {
            throw Invalid("gpa", "is missing, and this guest has no place of its own for a secret (--secret-page)");
        }

        if (target is null && length > _secretArea.Length)
        {
            throw Invalid("secret", $"has {length} bytes; the guest's place for it has {_secretArea.Length}");
        }

        Gpa start = target ?? _secretArea.Start;
        if (length == 0 || length > GuestPage.Size)
        {
            throw Invalid("secret", $"has {length} bytes; 1 to {GuestPage.Size} are possible");
        }

        // The kernel wants physically contiguous memory, which a page is for certain.
        if ((start.Value % GuestPage.Size) + length > GuestPage.Size)
        {
            throw Invalid("gpa", $"{length} bytes at {start} pass the end of a page");
        }

        if (!GpaRange.TryCreate(start, length, out GpaRange range) || !_memory.Ranges.Any(ram => ram.Contains(range)))
        {
            throw Invalid("gpa", $"{start} is not RAM of the guest");
        }

        return _secrets.Any(earlier => earlier.Overlaps(range))
            ? throw Invalid("gpa", $"at {start} there is a secret already")
            : range;
    }

    private static InvalidInputException Invalid(string field, string problem) => new("launch secret", field, problem);
}
