using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Sev.Commands;

/// <summary>The commands of one SEV or SEV-ES guest: a method each, with the command's own parameters.</summary>
/// <remarks>
/// <para>The object is one guest's. It is implemented by the kernel (KVM_MEMORY_ENCRYPT_OP) and by a model of the firmware; a caller cannot
/// tell them apart but by who signs. Every method throws <see cref="SevCommandFailedException"/> when the command is refused. Not for
/// several threads at once.</para>
/// <para>Order of a launch: <see cref="Initialize"/>, <see cref="LaunchStart"/>, <see cref="RegisterRegion"/> for all RAM,
/// <see cref="LaunchUpdateData"/> for each piece, <see cref="LaunchUpdateVmsa"/> (SEV-ES), <see cref="LaunchMeasure"/>,
/// <see cref="InjectSecret"/> if wanted, <see cref="LaunchFinish"/>. Of the firmware's commands SEND_UPDATE_VMSA and RECEIVE_UPDATE_VMSA
/// are left out: Linux has no code for them.</para>
/// <para>Source: AMD SEV API 55766, guest management; Linux, virt/kvm/x86/amd-memory-encryption.rst.</para>
/// </remarks>
public interface ISevCommands
{
    /// <summary>KVM_SEV_INIT, KVM_SEV_ES_INIT or KVM_SEV_INIT2: makes the machine a SEV guest, once and before it has a vCPU.</summary>
    /// <param name="kind">SEV or SEV-ES.</param>
    void Initialize(SevGuestKind kind);

    /// <summary>KVM_MEMORY_ENCRYPT_REG_REGION: pins RAM, so that encrypted pages stay where they are.</summary>
    /// <param name="region">A whole range of RAM.</param>
    void RegisterRegion(in GuestMemoryRegion region);

    /// <summary>KVM_MEMORY_ENCRYPT_UNREG_REGION: ends what <see cref="RegisterRegion"/> began.</summary>
    /// <param name="region">The very region that was registered.</param>
    void UnregisterRegion(in GuestMemoryRegion region);

    /// <summary>LAUNCH_START: makes the guest's keys and its context in the firmware, and binds its ASID.</summary>
    /// <param name="request">Policy and the owner's session.</param>
    /// <returns>The firmware's guest handle.</returns>
    uint LaunchStart(in LaunchStartRequest request);

    /// <summary>LAUNCH_UPDATE_DATA: encrypts memory in place and extends the launch digest by its plain text. Never twice for a page.</summary>
    /// <param name="piece">The memory; address and length are multiples of 16.</param>
    void LaunchUpdateData(in GuestPiece piece);

    /// <summary>LAUNCH_UPDATE_VMSA for every vCPU, in their order: encrypts its registers and extends the launch digest by its save area.</summary>
    void LaunchUpdateVmsa();

    /// <summary>LAUNCH_MEASURE: ends the launch digest and proves it.</summary>
    LaunchMeasurement LaunchMeasure();

    /// <summary>LAUNCH_SECRET: decrypts the owner's packet into guest memory.</summary>
    /// <param name="packet">Header and data, made for this launch's measurement.</param>
    /// <param name="target">Where the secret goes: as long as the packet's data, physically contiguous (inside one page, to be sure).</param>
    void InjectSecret(TransportPacket packet, in GuestPiece target);

    /// <summary>LAUNCH_FINISH: the guest may run from here on.</summary>
    void LaunchFinish();

    /// <summary>GUEST_STATUS.</summary>
    SevGuestStatus GetGuestStatus();

    /// <summary>GET_ATTESTATION_REPORT: the firmware signs the launch digest.</summary>
    /// <param name="nonce">16 bytes that the report repeats.</param>
    /// <returns>The report.</returns>
    byte[] GetAttestationReport(ReadOnlySpan<byte> nonce);

    /// <summary>DBG_DECRYPT: reads guest memory, if the policy lets the host.</summary>
    /// <param name="source">Encrypted guest memory.</param>
    /// <param name="destination">Takes the plain text; as long as the source.</param>
    void DebugDecrypt(in GuestPiece source, Span<byte> destination);

    /// <summary>DBG_ENCRYPT: writes guest memory, if the policy lets the host.</summary>
    /// <param name="source">Plain text.</param>
    /// <param name="destination">Encrypted guest memory; as long as the source.</param>
    void DebugEncrypt(ReadOnlySpan<byte> source, in GuestPiece destination);

    /// <summary>SEND_START: makes transport keys for another platform. The guest must not run until it is sent or the sending cancelled.</summary>
    /// <param name="request">The target's certificates.</param>
    SendStartResult SendStart(in SendStartRequest request);

    /// <summary>SEND_UPDATE_DATA: encrypts guest memory again, with the transport keys.</summary>
    /// <param name="source">Guest memory inside one page of 4 KiB.</param>
    TransportPacket SendUpdateData(in GuestPiece source);

    /// <summary>SEND_FINISH: the guest is sent and will never run here again.</summary>
    void SendFinish();

    /// <summary>SEND_CANCEL: the guest stays and may run again.</summary>
    void SendCancel();

    /// <summary>RECEIVE_START: takes the transport keys of a guest from another platform and binds an ASID.</summary>
    /// <param name="request">The source's certificate and session.</param>
    /// <returns>The firmware's guest handle.</returns>
    uint ReceiveStart(in ReceiveStartRequest request);

    /// <summary>RECEIVE_UPDATE_DATA: decrypts a packet into guest memory, encrypted with the guest's own key.</summary>
    /// <param name="packet">What SEND_UPDATE_DATA made.</param>
    /// <param name="target">Guest memory inside one page of 4 KiB, as long as the packet's data.</param>
    void ReceiveUpdateData(TransportPacket packet, in GuestPiece target);

    /// <summary>RECEIVE_FINISH: the guest may run here.</summary>
    void ReceiveFinish();
}
