using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Vmm.Vcpus;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>
/// What keeps SEV guests; there are two: this host's KVM with AMD's firmware (<see cref="KernelSevBackend"/>), and the model of the
/// firmware (<see cref="ModelSevBackend"/>). A launch cannot tell them apart but by this.
/// </summary>
internal interface ISevBackend
{
    /// <summary>True for the model: nothing is encrypted and nothing is confidential.</summary>
    bool IsSimulated { get; }

    /// <summary>The platform's commands.</summary>
    ISevPlatform Platform { get; }

    /// <summary>The type of the VM.</summary>
    KvmVmType VmType { get; }

    /// <summary>How the VM becomes a SEV guest: never <see cref="SevInitInterface.Auto"/>.</summary>
    SevInitInterface InitInterface { get; }

    /// <summary>The guest's C-bit.</summary>
    int CBitPosition { get; }

    /// <summary>Leaf 0x8000001F for the guest.</summary>
    MemoryEncryptionLeaf Leaf { get; }

    /// <summary>The certificates by which an owner knows the platform.</summary>
    /// <exception cref="SevCommandFailedException">The firmware refused.</exception>
    PlatformCertificates ExportCertificates();

    /// <summary>The commands of a SEV or SEV-ES guest.</summary>
    /// <param name="vm">Its VM, of type <see cref="VmType"/>.</param>
    /// <param name="saveAreas">The vCPUs' save areas, asked for by a model when they are launched; the kernel makes its own.</param>
    /// <param name="owned">Takes what must be released before the VM is closed.</param>
    ISevCommands CreateCommands(KvmVm vm, Func<IReadOnlyList<byte[]>> saveAreas, OwnedResources owned);

    /// <summary>The commands of a SEV-SNP guest.</summary>
    /// <param name="vm">Its VM, of type <see cref="VmType"/>.</param>
    /// <param name="saveAreas">The vCPUs' save areas, asked for by a model when they are launched; the kernel makes its own.</param>
    /// <param name="owned">Takes what must be released before the VM is closed.</param>
    ISnpCommands CreateSnpCommands(KvmVm vm, Func<IReadOnlyList<byte[]>> saveAreas, OwnedResources owned);
}
