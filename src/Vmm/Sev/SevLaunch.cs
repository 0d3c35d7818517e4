using System.Security.Cryptography;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using Serilog;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>The launch of a SEV or SEV-ES guest: what was loaded becomes private, is measured, and may run. Holds its RAM pinned.</summary>
/// <remarks>
/// The guest is initialised and its vCPUs have their final registers before <see cref="Measure"/>; <see cref="Finish"/> lets it run. What
/// is pinned when a step fails is released by <see cref="Dispose"/>. Dispose after the vCPU threads have ended and before the VM is closed.
/// </remarks>
public sealed class SevLaunch : IDisposable
{
    /// <summary>
    /// The kernel counts the pages of a command against the limit of locked memory a second time while it runs; so a command is small. The
    /// digest does not depend on how the data is cut.
    /// </summary>
    internal const ulong LargestUpdate = 16 << 20;

    private readonly ISevCommands _commands;
    private readonly SevLaunchInput _input;
    private readonly ILogger _log;
    private readonly Stack<GuestMemoryRegion> _pinned = new();

    /// <summary>Prepares a launch.</summary>
    /// <param name="commands">The guest's commands; stays the caller's and outlives this object.</param>
    /// <param name="input">Policy and the owner's session.</param>
    /// <param name="log">The monitor's log.</param>
    public SevLaunch(ISevCommands commands, SevLaunchInput input, ILogger log)
    {
        _commands = commands;
        _input = input;
        _log = log;
    }

    /// <summary>Whether the firmware is the software model.</summary>
    public bool IsSimulated { get; init; }

    /// <summary>The firmware's version.</summary>
    public SevFirmwareVersion Firmware { get; init; }

    /// <summary>Whether to hash each piece beside the whole; it costs as much again.</summary>
    public bool HashesPieces { get; init; }

    /// <summary>Launches the guest as far as LAUNCH_MEASURE.</summary>
    /// <param name="memory">The guest's RAM; the loaded pieces in it cannot be read any more afterwards.</param>
    /// <param name="content">What is launched.</param>
    /// <returns>The measured launch, which takes secrets until <see cref="Finish"/>.</returns>
    /// <exception cref="SevCommandFailedException">A command was refused.</exception>
    public MeasuredLaunch Measure(GuestMemory memory, LaunchContent content)
    {
        uint handle = _commands.LaunchStart(_input.Start);
        Pin(memory);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        List<LaunchedPiece> launched = [.. content.Pieces.Select(piece => Encrypt(memory, piece, hash))];
        if (_input.Kind == SevGuestKind.SevEs)
        {
            // From here on the registers are out of reach.
            _commands.LaunchUpdateVmsa();
            foreach (byte[] saveArea in content.SaveAreas)
            {
                hash.AppendData(saveArea);
            }
        }

        // Always, also when nobody looks: AMD's firmware refuses to finish a launch that is not measured.
        LaunchMeasurement measurement = _commands.LaunchMeasure();
        SevLaunchResult result = new(handle, _input.Start.Policy, measurement, hash.GetHashAndReset(), launched);
        _log.Information(
            "Launched {Bytes} bytes under policy {Policy}: measurement {Measurement}, launch digest {Digest}",
            launched.Aggregate(0UL, static (sum, piece) => sum + piece.Range.Length),
            result.Policy,
            measurement,
            Convert.ToHexStringLower(result.LaunchDigest.Span));
        return new MeasuredLaunch(_commands, memory, content, _input.Kind, result) { IsSimulated = IsSimulated, Firmware = Firmware };
    }

    /// <summary>LAUNCH_FINISH: the guest may run, and takes no more secrets.</summary>
    /// <exception cref="SevCommandFailedException">The command was refused.</exception>
    public void Finish() => _commands.LaunchFinish();

    /// <summary>Releases the pinned RAM.</summary>
    public void Dispose()
    {
        while (_pinned.TryPop(out GuestMemoryRegion region))
        {
            try
            {
                _commands.UnregisterRegion(region);
            }
            catch (SevCommandFailedException refused)
            {
                // The VM's end releases it too; the rest must still be released, and this must not hide why we are here.
                _log.Warning("Guest RAM at 0x{Gpa:x} stays pinned until the VM is closed: {Problem}", region.Gpa, refused.Message);
            }
        }
    }

    /// <summary>Pins all RAM, not only what is launched: a page that the guest makes private later must not move either.</summary>
    private void Pin(GuestMemory memory)
    {
        foreach (GpaRange range in memory.Ranges)
        {
            var region = new GuestMemoryRegion(range.Start.Value, memory.GetHostAddress(range), range.Length);
            _commands.RegisterRegion(region);
            _pinned.Push(region);
        }
    }

    /// <summary>Launches a piece and hashes what the firmware hashes: the plain text, before it is gone.</summary>
    private LaunchedPiece Encrypt(GuestMemory memory, LoadedPiece piece, IncrementalHash whole)
    {
        using IncrementalHash? own = HashesPieces ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
        for (ulong done = 0; done < piece.Range.Length;)
        {
            ulong length = Math.Min(piece.Range.Length - done, LargestUpdate);
            GuestPiece part = GuestPieces.Of(memory, new GpaRange(piece.Range.Start + done, length));
            whole.AppendData(part.Bytes);
            own?.AppendData(part.Bytes);
            _commands.LaunchUpdateData(part);
            done += length;
        }

        _log.Debug("Launched {Piece}, {Bytes} bytes at {Gpa}", piece.Name, piece.Range.Length, piece.Range.Start);
        return new LaunchedPiece(piece.Name, piece.Range, own?.GetHashAndReset());
    }
}
