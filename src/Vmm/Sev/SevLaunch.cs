using System.Security.Cryptography;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using Serilog;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>The launch of a SEV or SEV-ES guest: what was loaded becomes private, is measured, and may run. Holds its RAM pinned.</summary>
/// <remarks>
/// The guest is initialised and its vCPUs have their final registers before <see cref="Run"/>. Dispose after the vCPU threads have
/// ended and
/// before the VM is closed.
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

    /// <summary>Launches the guest. What was pinned when a step fails is released by <see cref="Dispose"/>.</summary>
    /// <param name="memory">The guest's RAM; the loaded pieces in it cannot be read any more afterwards.</param>
    /// <param name="pieces">What was loaded, in the order in which it is measured.</param>
    /// <param name="saveAreas">For SEV-ES the vCPUs' save areas as the firmware will measure them, in order; otherwise none.</param>
    /// <param name="owner">Who decides about the measurement, or null to let the guest run whatever it is.</param>
    /// <exception cref="SevCommandFailedException">A command was refused.</exception>
    public SevLaunchResult Run(GuestMemory memory, IReadOnlyList<LoadedPiece> pieces, IReadOnlyList<byte[]> saveAreas, ILaunchOwner? owner)
    {
        uint handle = _commands.LaunchStart(_input.Start);
        Pin(memory);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        ulong bytes = Encrypt(memory, pieces, hash);
        if (_input.Kind == SevGuestKind.SevEs)
        {
            // From here on the registers are out of reach.
            _commands.LaunchUpdateVmsa();
            foreach (byte[] saveArea in saveAreas)
            {
                hash.AppendData(saveArea);
            }
        }

        byte[] digest = hash.GetHashAndReset();

        // Always, also when nobody looks: AMD's firmware refuses to finish a launch that is not measured.
        LaunchMeasurement measurement = _commands.LaunchMeasure();
        _log.Information(
            "Launched {Bytes} bytes under policy {Policy}: measurement {Measurement}, launch digest {Digest}",
            bytes,
            _input.Start.Policy,
            measurement,
            Convert.ToHexStringLower(digest));
        foreach (LaunchSecretDelivery secret in owner?.Approve(measurement, _input.Start.Policy) ?? [])
        {
            _commands.InjectSecret(secret.Packet, GuestPieces.Of(memory, new GpaRange(secret.Target, (ulong)secret.Packet.Data.Length)));
        }

        _commands.LaunchFinish();
        return new SevLaunchResult(handle, _input.Start.Policy, measurement, digest, bytes);
    }

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

    /// <summary>Launches the pieces and hashes what the firmware hashes: the plain text, before it is gone.</summary>
    private ulong Encrypt(GuestMemory memory, IReadOnlyList<LoadedPiece> pieces, IncrementalHash hash)
    {
        ulong bytes = 0;
        foreach (LoadedPiece piece in pieces)
        {
            for (ulong done = 0; done < piece.Range.Length;)
            {
                ulong length = Math.Min(piece.Range.Length - done, LargestUpdate);
                GuestPiece part = GuestPieces.Of(memory, new GpaRange(piece.Range.Start + done, length));
                hash.AppendData(part.Bytes);
                _commands.LaunchUpdateData(part);
                done += length;
            }

            bytes += piece.Range.Length;
            _log.Debug("Launched {Piece}, {Bytes} bytes at {Gpa}", piece.Name, piece.Range.Length, piece.Range.Start);
        }

        return bytes;
    }
}
