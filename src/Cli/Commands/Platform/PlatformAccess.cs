using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Vmm.Sev;
using Mono.Unix.Native;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary>The platform that the user named: this machine's by /dev/sev, or a model in a directory. Every answer says which.</summary>
internal sealed class PlatformAccess : IDisposable
{
    private readonly IDisposable[] _owned;

    private PlatformAccess(string name, ISevPlatform commands, SoftwarePsp? model, params IDisposable[] owned)
    {
        Name = name;
        Commands = commands;
        Model = model;
        _owned = owned;
    }

    /// <summary>What to call it: the device's path, or the model's directory.</summary>
    internal string Name { get; }

    /// <summary>Its commands.</summary>
    internal ISevPlatform Commands { get; }

    /// <summary>The model, or null for hardware.</summary>
    internal SoftwarePsp? Model { get; }

    /// <summary><c>hardware</c> or <c>simulated</c>.</summary>
    internal string Mode => Model is null ? "hardware" : SevModeWords.WordFor(SevMode.Simulated);

    /// <summary>Opens it.</summary>
    /// <param name="options">Which one.</param>
    /// <param name="context">Takes a word about a new model.</param>
    /// <exception cref="KvmException">The device cannot be opened.</exception>
    /// <exception cref="UsageException">The model's directory is something else.</exception>
    internal static PlatformAccess Open(PlatformOptions options, CliContext context)
    {
        if (options.Model is { } directory)
        {
            SoftwarePsp model = OpenModel("--model", directory, options, context);
            return new PlatformAccess(directory, model, model, model);
        }

        SevDevice device = SevDevice.Open(options.SevDevice);
        KernelSevPlatform platform = new(device);
        return new PlatformAccess(options.SevDevice, platform, null, platform, device);
    }

    /// <summary>Opens a model, and makes it where the directory is new or empty; a directory with other files is left alone.</summary>
    /// <param name="option">The option that named the directory, for messages.</param>
    /// <param name="directory">The directory.</param>
    /// <param name="options">With --quiet a new model is not mentioned.</param>
    /// <param name="context">Takes the word about a new model.</param>
    /// <exception cref="UsageException">The directory is something else.</exception>
    internal static SoftwarePsp OpenModel(string option, string directory, CommonOptions options, CliContext context)
    {
        FilePermissions? kind = directory.Length == 0 ? null : FileKind.TypeOf(directory);
        if (directory.Length == 0 || (kind is not null and not FilePermissions.S_IFDIR))
        {
            throw new UsageException($"{option}: '{directory}' is not a directory");
        }

        bool isNew = !File.Exists(Path.Combine(directory, "platform.json"));
        if (isNew && kind is not null && Directory.EnumerateFileSystemEntries(directory).Any())
        {
            throw new UsageException($"{option}: '{directory}' holds other files, not a platform", "name a new or an empty directory");
        }

        SoftwarePsp model = SoftwarePsp.Open(directory);
        if (isNew && !options.Quiet)
        {
            context.Error.WriteLine($"kvmsev: made a new simulated platform in {OneLine.Clean(directory)}");
        }

        return model;
    }

    /// <summary>Says on stderr that the platform is a model, where the answer itself has no place for it.</summary>
    /// <param name="options">With --json the document says it; --quiet asks for silence.</param>
    /// <param name="context">Takes the words.</param>
    internal void WarnOfSimulation(CommonOptions options, CliContext context)
    {
        if (Model is not null && !options.Json && !options.Quiet)
        {
            context.Error.WriteLine(
                "kvmsev: simulated: a model of the firmware, whose authority is not AMD; nothing under it is confidential");
        }
    }

    /// <summary>Asks that the user has confirmed what cannot be undone. A model is there to be played with.</summary>
    /// <param name="isConfirmed">Whether <c>--yes</c> was given.</param>
    /// <param name="loss">What will be lost, one clause.</param>
    /// <exception cref="UsageException">The platform is hardware and nobody confirmed.</exception>
    internal void RequireConfirmation(bool isConfirmed, string loss)
    {
        if (Model is null && !isConfirmed)
        {
            throw new UsageException($"{Name}: {loss}; nothing was done", "add --yes if that is what you want");
        }
    }

    /// <summary>A sheet that begins with the platform and its mode.</summary>
    internal FactSheet BeginAnswer() => new FactSheet().Add("platform", Name).Add("mode", Mode);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in _owned)
        {
            owned.Dispose();
        }
    }
}
