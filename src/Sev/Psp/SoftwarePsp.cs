using System.Security.Cryptography;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Commands;

namespace KvmSevVmm.Sev.Psp;

/// <summary>
/// A model of AMD's secure processor: the platform's commands with the firmware's checks, their order and its error codes, with real keys
/// and real cryptography. It protects nothing: its secrets lie in this process and, if it is kept, in a file of its user.
/// </summary>
/// <remarks>
/// <para>Its certificates end at <see cref="PspAuthority"/>, never at AMD. The platform stands as Linux leaves one after loading its
/// driver: initialised. After <see cref="FactoryReset"/> or <see cref="Shutdown"/> the next command that needs it initialises it, as
/// /dev/sev does.
/// </para>
/// <para>Safe for several threads; the guests are not. Source: AMD SEV API 55766 and AMD's published firmware 1.55.25.</para>
/// </remarks>
public sealed class SoftwarePsp : ISevPlatform, IDisposable
{
    /// <summary>How many SEV and SEV-ES guests there can be at a time.</summary>
    public const uint MaximumGuests = 1024;

    private const string ProductName = "Milan-B0";

    private readonly PspStore _store;
    private int _snpGuestCount;

    private SoftwarePsp(PspStore store)
    {
        _store = store;
    }

    /// <summary>Makes a platform that lives in this process alone.</summary>
    /// <param name="options">What it is like.</param>
    public static SoftwarePsp Create(PspOptions? options = null) =>
        new(new PspMemoryStore(PspState.Create(options ?? new PspOptions())));

    /// <summary>
    /// Opens the platform in a directory, or makes one there. Every program that opens the directory sees the same platform; its files are
    /// readable by their user alone.
    /// </summary>
    /// <param name="directory">The directory; made if it is not there.</param>
    /// <param name="options">What a new platform is like; an old one keeps what it is.</param>
    /// <exception cref="SevFormatException">The stored state is damaged.</exception>
    /// <exception cref="IOException">The directory cannot be read or written, or stays in use.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory belongs to somebody else.</exception>
    public static SoftwarePsp Open(string directory, PspOptions? options = null)
    {
        PspDirectoryStore store = new(directory);
        using (store.Enter())
        {
            if (store.HasState)
            {
                _ = store.Load();
            }
            else
            {
                store.Save(PspState.Create(options ?? new PspOptions()));
            }
        }

        return new SoftwarePsp(store);
    }

    /// <summary>Whether guest memory is encrypted where it lies: <see cref="PspOptions.Scramble"/>.</summary>
    public bool IsScrambling => Read().Scramble;

    /// <inheritdoc/>
    public SevPlatformStatus GetStatus()
    {
        using IDisposable held = _store.Enter();
        PspState state = _store.Load();
        uint guests = state.IsInitialized ? _store.CountHandles() : 0;
        return new SevPlatformStatus(
            state.Firmware,
            GetPlatformState(state),
            state.IsInitialized && state.Identity.IsExternallyOwned,
            state.IsInitialized && state.IsEncryptedStateConfigured,
            guests);
    }

    /// <summary>SNP_PLATFORM_STATUS. SNP guests are counted in this process only.</summary>
    public SnpPlatformStatus GetSnpStatus()
    {
        PspState state = Read();
        return new SnpPlatformStatus(GetSnpFirmware(state), true, true, (uint)Volatile.Read(ref _snpGuestCount), state.Tcb, state.Tcb);
    }

    /// <inheritdoc/>
    public PdhExport ExportPdh()
    {
        SevCertificateChain chain = ReadInitialized().Identity.Chain;
        return new PdhExport(chain.Pdh.Bytes.ToArray(), chain.ToPlatformChain());
    }

    /// <inheritdoc/>
    public byte[] GetId() => Read().GetChipId();

    /// <inheritdoc/>
    public byte[] RequestPekSignature() => ReadInitialized().Identity.PekCertificate.WithoutSignatures().Bytes.ToArray();

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">
    /// INVALID_PLATFORM_STATE while there are guests; ALREADY_OWNED; INVALID_LENGTH; INVALID_CERTIFICATE or BAD_SIGNATURE for the OCA, then
    /// for the PEK; INVALID_CERTIFICATE for a PEK that is not this platform's.
    /// </exception>
    public void ImportPek(ReadOnlySpan<byte> pek, ReadOnlySpan<byte> oca)
    {
        const string Command = "PEK_CERT_IMPORT";
        using IDisposable held = _store.Enter();
        PspState state = RequireIdle(Command);
        PspIdentity identity = state.Identity;
        PspFault.Require(!identity.IsExternallyOwned, Command, PspStatus.AlreadyOwned, "the platform has an owner");
        PspFault.Require(
            pek.Length == SevCertificate.Size && oca.Length == SevCertificate.Size,
            Command,
            PspStatus.InvalidLength,
            $"PEK and OCA have {SevCertificate.Size} bytes, not {pek.Length} and {oca.Length}");
        SevCertificate owner = PspCertificateCheck.Parse(Command, "OCA", oca);
        PspCertificateCheck.RequireSigned(Command, owner, SevKeyUsage.Oca, owner);
        SevCertificate signed = PspCertificateCheck.Parse(Command, "PEK", pek);
        PspCertificateCheck.RequireSigned(Command, signed, SevKeyUsage.Pek, owner);
        PspFault.Require(
            signed.Body.SequenceEqual(identity.PekCertificate.Body),
            Command,
            PspStatus.InvalidCertificate,
            "the PEK is not the one that this platform asked to be signed");
        SevSignatureSlot chip = identity.PekCertificate.Signature1.Usage == SevKeyUsage.Cek
            ? identity.PekCertificate.Signature1
            : identity.PekCertificate.Signature2;
        PspFault.Require(
            signed.Signature1.IsUnused || signed.Signature2.IsUnused,
            Command,
            PspStatus.InvalidCertificate,
            "the PEK has no free slot for the chip's signature");
        PspIdentity imported = identity with
        {
            Oca = null,
            OcaCertificate = owner,
            PekCertificate = signed.WithSignature(chip.Usage, chip.Algorithm, chip.Signature.Span),
        };
        IRandomSource random = state.Draw(out PspState after);
        _store.Save(after with { Identity = new PspIdentityFactory(state.Firmware).WithNewPdh(imported, random) });
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">INVALID_PLATFORM_STATE while there are guests.</exception>
    public void GeneratePek()
    {
        using IDisposable held = _store.Enter();
        PspState state = RequireIdle("PEK_GEN");
        IRandomSource random = state.Draw(out PspState after);
        _store.Save(after with { Identity = new PspIdentityFactory(state.Firmware).CreateSelfOwned(state.Identity.Cek, random) });
    }

    /// <inheritdoc/>
    public void GeneratePdh()
    {
        using IDisposable held = _store.Enter();
        PspState state = LoadInitialized();
        IRandomSource random = state.Draw(out PspState after);
        _store.Save(after with { Identity = new PspIdentityFactory(state.Firmware).WithNewPdh(state.Identity, random) });
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">EBUSY while there are guests, as Linux has it.</exception>
    public void FactoryReset()
    {
        using IDisposable held = _store.Enter();
        PspState state = _store.Load();
        RequireNoGuests("FACTORY_RESET");
        IRandomSource random = state.Draw(out PspState after);
        _store.Save(after with
        {
            IsInitialized = false,
            Identity = new PspIdentityFactory(state.Firmware).CreateSelfOwned(state.Identity.Cek, random),
        });
    }

    /// <summary>SHUTDOWN: the platform is uninitialised until something needs it.</summary>
    /// <exception cref="SevCommandFailedException">EBUSY while there are guests, as Linux has it.</exception>
    public void Shutdown()
    {
        using IDisposable held = _store.Enter();
        RequireNoGuests("SHUTDOWN");
        _store.Save(_store.Load() with { IsInitialized = false });
    }

    /// <summary>INIT: makes a new PDH, whatever there was before, and the platform ready.</summary>
    /// <exception cref="SevCommandFailedException">INVALID_PLATFORM_STATE when it is initialised.</exception>
    public void Initialize()
    {
        using IDisposable held = _store.Enter();
        PspFault.Require(!_store.Load().IsInitialized, "INIT", PspStatus.InvalidPlatformState, "the platform is initialised");
        _ = LoadInitialized();
    }

    /// <summary>What stands in AMD's place above this platform: its <c>ask_ark</c> file. The same for every model.</summary>
    public static AskArk ExportAuthority() => PspAuthority.Certificates;

    /// <summary>The signed CEK, which for a real chip comes from AMD's key distribution service.</summary>
    public SevCertificate ExportSignedCek() => PspAuthority.SignCek(Read().Identity.CekCertificate);

    /// <summary>PDH, PEK, OCA, the signed CEK, and the model's ASK and ARK: all that <see cref="SevChainVerifier"/> asks for.</summary>
    public SevCertificateChain ExportChain()
    {
        PspState state = ReadInitialized();
        return state.Identity.Chain with
        {
            Cek = PspAuthority.SignCek(state.Identity.CekCertificate),
            Authority = PspAuthority.Certificates,
        };
    }

    /// <summary>The X.509 chain of the key that signs SNP reports: the model's ARK and ASK, and the VCEK of this platform.</summary>
    public AmdX509Chain ExportVcekChain()
    {
        PspState state = Read();
        (AmdX509Certificate ark, AmdX509Certificate ask) = PspAuthority.GetX509();
        return new AmdX509Chain(ark, ask, PspAuthority.CreateVcek(DeriveVcek(state), ProductName, state.GetChipId(), state.Tcb));
    }

    /// <summary>A machine that is to become a SEV or SEV-ES guest. Disposing it takes the guest down and frees its handle.</summary>
    /// <param name="vmsas">Gives the save areas of the vCPUs, 4096 bytes each, when a SEV-ES launch asks; null for none.</param>
    public SoftwareSevGuest CreateGuest(Func<IReadOnlyList<byte[]>>? vmsas = null) => new(this, vmsas ?? (static () => []));

    /// <summary>A machine that is to become a SEV-SNP guest. Disposing it takes the guest down.</summary>
    /// <param name="vmsas">Gives the save areas of the vCPUs, 4096 bytes each, when the launch ends; null for none.</param>
    public SoftwareSnpGuest CreateSnpGuest(Func<IReadOnlyList<byte[]>>? vmsas = null) => new(this, vmsas ?? (static () => []));

    /// <inheritdoc/>
    public void Dispose() => _store.Dispose();

    internal static SnpFirmwareVersion GetSnpFirmware(PspState state) =>
        new(state.Firmware.ApiMajor, state.Firmware.ApiMinor, state.Firmware.Build);

    internal static PspKey DeriveVcek(PspState state) => state.DeriveChipKey($"sev-versioned-chip-endorsement-key {state.Tcb}");

    internal PspState Read()
    {
        using IDisposable held = _store.Enter();
        return _store.Load();
    }

    /// <summary>The state, initialised first if it must be.</summary>
    internal PspState ReadInitialized()
    {
        using IDisposable held = _store.Enter();
        return LoadInitialized();
    }

    internal SevPlatformState GetPlatformState()
    {
        using IDisposable held = _store.Enter();
        return GetPlatformState(_store.Load());
    }

    /// <summary>Takes a guest in.</summary>
    /// <param name="handle">Its handle.</param>
    /// <param name="random">Where its keys and nonces come from.</param>
    /// <returns>What frees the handle when disposed, or null when none is free.</returns>
    internal IDisposable? TryAddGuest(out uint handle, out IRandomSource random)
    {
        using IDisposable held = _store.Enter();
        random = LoadInitialized().Draw(out PspState after);
        IDisposable? registration = _store.TryTakeHandle(MaximumGuests, out handle);
        if (registration is not null)
        {
            _store.Save(after);
        }

        return registration;
    }

    internal IRandomSource AddSnpGuest()
    {
        using IDisposable held = _store.Enter();
        IRandomSource random = _store.Load().Draw(out PspState after);
        _store.Save(after);
        Interlocked.Increment(ref _snpGuestCount);
        return random;
    }

    internal void RemoveSnpGuest() => Interlocked.Decrement(ref _snpGuestCount);

    /// <summary>Puts a known PDH in the place of the platform's: for vectors that come with their platform's private key.</summary>
    /// <param name="pdh">The private key.</param>
    internal void ReplacePdh(ECDiffieHellman pdh)
    {
        using IDisposable held = _store.Enter();
        PspState state = LoadInitialized();
        _store.Save(state with { Identity = new PspIdentityFactory(state.Firmware).WithPdh(state.Identity, PspKey.Import(pdh)) });
    }

    // INIT makes a new PDH unconditionally; OCA and PEK stay if there are any.
    private PspState LoadInitialized()
    {
        PspState state = _store.Load();
        if (state.IsInitialized)
        {
            return state;
        }

        IRandomSource random = state.Draw(out PspState after);
        after = after with
        {
            IsInitialized = true,
            Identity = new PspIdentityFactory(state.Firmware).WithNewPdh(state.Identity, random),
        };
        _store.Save(after);
        return after;
    }

    private PspState RequireIdle(string command)
    {
        PspState state = LoadInitialized();
        PspFault.Require(
            GetPlatformState(state) == SevPlatformState.Initialized,
            command,
            PspStatus.InvalidPlatformState,
            "the platform has guests");
        return state;
    }

    private void RequireNoGuests(string command)
    {
        if (_store.CountHandles() > 0 || Volatile.Read(ref _snpGuestCount) > 0)
        {
            throw PspFault.Kernel(command, "EBUSY (16)", "The platform has guests.");
        }
    }

    private SevPlatformState GetPlatformState(PspState state) => !state.IsInitialized
        ? SevPlatformState.Uninitialized
        : _store.CountHandles() > 0 ? SevPlatformState.Working : SevPlatformState.Initialized;
}
